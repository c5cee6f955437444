// The guidelines, the list of keys, and what the server would not take.
import { useContext } from "preact/hooks";
import { postLogout } from "../api";
import type { Guidelines } from "../contract";
import type { Parcel, Returned } from "../engine/outbox";
import { bindingsOf } from "../logic/keys";
import { inWords } from "../logic/saying";
import { messages } from "../messages";
import type { Settings } from "../settings";
import { CapList, Keys } from "./Caps";
import { Dialog, DialogEnd } from "./Dialog";

interface GuidelinesProps {
  guidelines: Guidelines;
  isNew: boolean;
  close: () => void;
}

export function GuidelinesDialog({ guidelines, isNew, close }: GuidelinesProps) {
  const { kind } = useContext(Keys);
  const says = messages.guidelines;
  return (
    <Dialog title={isNew ? says.first : says.title} close={close}>
      <div class="text" dir="auto" dangerouslySetInnerHTML={{ __html: guidelines.html }} />
      {isNew && (
        <p class="aside">
          {says.how[kind]} {says.always}
        </p>
      )}
      <DialogEnd says={isNew ? says.start : says.close} close={close} />
    </Dialog>
  );
}

interface HelpProps {
  settings: Settings;
  hasDimensions: boolean;
  change: (part: Partial<Settings>) => void;
  close: () => void;
}

export function HelpDialog({ settings, hasDimensions, change, close }: HelpProps) {
  const { kind } = useContext(Keys);
  const says = messages.help;
  const logOut = async () => {
    await postLogout();
    location.reload();
  };
  return (
    <Dialog title={says.title} close={close} isWide>
      <dl class="keys">
        {bindingsOf(kind, hasDimensions).map(({ action, caps }) => (
          <div key={action}>
            <dt>
              <CapList caps={caps} />
              <span class="hidden">{caps.join(", ")}</span>
            </dt>
            <dd>{messages.keys[action]}</dd>
          </div>
        ))}
      </dl>
      <p class="aside">{says.armed}</p>
      <label class="setting">
        <input
          type="checkbox"
          checked={settings.hasSingleKeys}
          onChange={(event) => change({ hasSingleKeys: event.currentTarget.checked })}
        />
        <span>
          {says.setting}
          <small>{says.settingSays}</small>
        </span>
      </label>
      <p class="aside">
        <button type="button" class="link" onClick={() => void logOut()}>
          {says.logout}
        </button>{" "}
        {says.leaving}
      </p>
      <DialogEnd says={says.close} close={close} />
    </Dialog>
  );
}

interface ReturnedProps {
  returned: Returned[];
  dismiss: (key: string) => void;
  close: () => void;
}

export function ReturnedDialog({ returned, dismiss, close }: ReturnedProps) {
  const says = messages.returned;
  return (
    <Dialog title={says.title} close={close} isWide>
      {returned.map(({ key, parcel, message }) => (
        <section class="returned-one" key={key}>
          <h3>{says.what[parcel.what]}</h3>
          <p>
            {says.why} {message}
          </p>
          {writtenIn(parcel) && (
            <label class="field">
              <span>{says.kept}</span>
              <textarea readOnly rows={3} dir="auto" value={writtenIn(parcel)} />
            </label>
          )}
          <button type="button" class="quiet" onClick={() => dismiss(key)}>
            {says.dismiss}
          </button>
        </section>
      ))}
      <DialogEnd says={says.close} close={close} />
    </Dialog>
  );
}

function writtenIn(parcel: Parcel): string {
  if (parcel.what === "remark") {
    return parcel.body.comment ?? "";
  }
  if (parcel.what !== "judgment") {
    return "";
  }
  const { said, comment } = parcel.body;
  const words = "text" in said ? said.text : inWords(said);
  return [words, comment].filter(Boolean).join("\n\n");
}
