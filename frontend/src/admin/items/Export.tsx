// Judgments as a file to save, with what was left out of it and why.
import { useState } from "preact/hooks";
import { queryOf, send } from "../api";
import { Trouble } from "../Parts";
import { useAct } from "../useAct";
import { visible } from "../words";
import { fileNameOf, leftOutLines } from "./leftOut";

const FORMATS = [
  { format: "trl", says: "TRL", about: "pairs, demonstrations and thumbs for trl" },
  { format: "arena", says: "Arena", about: "one row a comparison, with the models’ names" },
  { format: "jsonl", says: "JSON lines", about: "every event, to be imported by rather again" },
] as const;

export function Export({ labeller }: { labeller: string }) {
  const [withSimulated, setWithSimulated] = useState(false);
  const [leftOut, setLeftOut] = useState<string[] | null>(null);
  const { isBusy, said, trouble, run } = useAct();
  const save = (format: string) =>
    run(async () => {
      setLeftOut(null);
      const query = queryOf({ format, labeller, with_simulated: withSimulated ? "1" : "0" });
      const reply = await send("GET", `/api/admin/export${query}`, {
        // A large workspace takes its time.
        signal: AbortSignal.timeout(300_000),
      });
      const name = fileNameOf(reply.headers.get("Content-Disposition")) ?? `judgments-${format}`;
      download(await reply.blob(), name);
      setLeftOut(leftOutLines(reply.headers.get("X-Rather-Left-Out")));
      return `Saved as ${name}.`;
    });
  return (
    <details class="menu">
      <summary class="quiet">Export</summary>
      <div class="panel">
        {labeller && <p>Only judgments by the labeller chosen below.</p>}
        <label class="check">
          <input
            type="checkbox"
            checked={withSimulated}
            onChange={(event) => setWithSimulated(event.currentTarget.checked)}
          />
          With simulated labellers
        </label>
        <ul class="formats">
          {FORMATS.map(({ format, says, about }) => (
            <li key={format}>
              <button
                type="button"
                class="plain"
                disabled={isBusy}
                aria-describedby={`about-${format}`}
                onClick={() => void save(format)}
              >
                {says}
              </button>
              <small id={`about-${format}`}>{about}</small>
            </li>
          ))}
        </ul>
        <p role="status">
          {isBusy ? "Preparing the file…" : visible(said)}
          {leftOut?.length === 0 && " Nothing was left out."}
        </p>
        {leftOut && leftOut.length > 0 && (
          <>
            <p>Left out:</p>
            <ul>
              {leftOut.map((line) => (
                <li key={line}>{visible(line)}</li>
              ))}
            </ul>
          </>
        )}
        <Trouble text={trouble} />
      </div>
    </details>
  );
}

function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has taken it over by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
