// Which versions answer, and how.
import { visible } from "../words";

export interface Settings {
  models: string[];
  isBlind: boolean;
  temperature: number;
  maxNewTokens: number;
}

interface Props {
  models: string[];
  settings: Settings;
  change: (settings: Settings) => void;
}

export const MOST = 4;

export function Setup({ models, settings, change }: Props) {
  const { models: chosen } = settings;
  const toggle = (model: string) => {
    const without = chosen.filter((one) => one !== model);
    // In the order of the list, whatever order they were ticked in.
    const after = without.length < chosen.length ? without : [...chosen, model];
    change({ ...settings, models: models.filter((one) => after.includes(one)) });
  };
  const number = (name: "temperature" | "maxNewTokens") => (event: { currentTarget: HTMLInputElement }) => {
    const field = event.currentTarget;
    if (field.checkValidity() && field.value !== "") {
      change({ ...settings, [name]: field.valueAsNumber });
    }
  };
  return (
    <details class="card setup" open>
      <summary>
        <h2>Who answers</h2>
        <span class="quietly">
          {chosen.length} of {models.length} versions{settings.isBlind ? ", blind" : ""}
        </span>
      </summary>
      <fieldset class="versions">
        <legend>Two to four versions</legend>
        {models.map((model) => (
          <label class="check" key={model}>
            <input
              type="checkbox"
              checked={chosen.includes(model)}
              disabled={chosen.length >= MOST && !chosen.includes(model)}
              onChange={() => toggle(model)}
            />
            {visible(model)}
          </label>
        ))}
      </fieldset>
      <div class="row">
        <label class="check">
          <input
            type="checkbox"
            checked={settings.isBlind}
            onChange={(event) => change({ ...settings, isBlind: event.currentTarget.checked })}
          />
          Blind: names after choosing
        </label>
        <label>
          Temperature
          <input
            type="number"
            min={0}
            max={2}
            step={0.1}
            required
            value={settings.temperature}
            onInput={number("temperature")}
          />
        </label>
        <label>
          At most tokens
          <input
            type="number"
            min={1}
            max={2048}
            step={1}
            required
            value={settings.maxNewTokens}
            onInput={number("maxNewTokens")}
          />
        </label>
      </div>
    </details>
  );
}
