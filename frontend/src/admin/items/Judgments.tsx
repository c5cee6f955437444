// Everything that was said about one item, superseded events and remarks included.
import { Name, Words } from "../Parts";
import type { AdminAnswer, AdminJudgment, AdminRemark } from "../types";
import { Pieces } from "../../parts/Diff";
import { moment, took, visible } from "../words";
import { inWords } from "./inWords";

const SOURCES: Record<string, string> = {
  import: "imported",
  api: "by the API",
  playground: "playground",
  use: "by a user",
  resolution: "settled by an admin",
  gold: "truth of a control item",
  gold_check: "answer to a control item",
  repeat: "asked again",
};

interface Props {
  judgments: AdminJudgment[];
  answers: AdminAnswer[];
}

export function Judgments({ judgments, answers }: Props) {
  if (judgments.length === 0) {
    return <p class="aside">Nobody has judged this item yet.</p>;
  }
  return (
    <div class="wide" tabIndex={0} role="region" aria-label="Judgments">
      <table class="judgments">
        <caption class="hidden">Judgments of this item</caption>
        <thead>
          <tr>
            <th scope="col">Who</th>
            <th scope="col">Said</th>
            <th scope="col">When</th>
            <th scope="col" class="number">
              Took
            </th>
            <th scope="col">Counts</th>
            <th scope="col">Consent</th>
          </tr>
        </thead>
        <tbody>
          {judgments.map((one) => (
            <tr key={one.judgment_id} class={one.is_live ? "" : "past"}>
              <th scope="row">
                <Name of={one.labeller} isSimulated={one.is_simulated} />
                {SOURCES[one.source] && <small>{SOURCES[one.source]}</small>}
              </th>
              <td>
                <span class="what">{visible(inWords(one, answers))}</span>
                <Written of={one} answers={answers} />
                {one.comment && (
                  <small class="comment">
                    “<Words of={one.comment} />”
                  </small>
                )}
              </td>
              <td>
                <time dateTime={one.created_at}>{moment(one.created_at)}</time>
              </td>
              <td class="number">{one.ms_to_decision === null ? "–" : took(one.ms_to_decision)}</td>
              <td>{one.is_live ? "live" : "superseded"}</td>
              <td>
                <Consent isGiven={one.has_consent} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Whether models may learn from it; where they may not, that is said in words. */
function Consent({ isGiven }: { isGiven: boolean }) {
  return isGiven ? (
    "given"
  ) : (
    <>
      <span class="tag state-no_consent">none</span>
      <small>no model learns from it, no export has it</small>
    </>
  );
}

/** The text of a demonstration, or what a correction changed. */
function Written({ of, answers }: { of: AdminJudgment; answers: AdminAnswer[] }) {
  const { said, shown } = of;
  if (said.kind === "demonstration") {
    return (
      <p class="written" dir="auto">
        {visible(said.text)}
      </p>
    );
  }
  if (said.kind !== "correction") {
    return null;
  }
  const edited = answers.find((answer) => answer.completion_id === shown[said.place]);
  return edited ? (
    <Pieces before={edited.text} after={visible(said.text)} />
  ) : (
    <p class="written" dir="auto">
      {visible(said.text)}
    </p>
  );
}

const REMARKS: Record<string, string> = {
  skip: "Skipped",
  flag: "Flagged",
  withdrawal: "Took a remark back",
  restore: "Restored",
  retire: "Retired",
};

const REASONS: Record<string, string> = {
  too_hard: "too hard",
  broken: "broken",
  offensive: "offensive",
  not_my_field: "not my field",
  other: "other",
};

export function Remarks({ remarks }: { remarks: AdminRemark[] }) {
  return (
    <ul class="remarks">
      {remarks.map((one, place) => (
        <li key={place} class={one.is_live ? "" : "past"}>
          <b>{REMARKS[one.what] ?? visible(one.what)}</b> by <Words of={one.labeller} />
          {one.reason && `: ${REASONS[one.reason] ?? visible(one.reason)}`}
          {one.comment && (
            <>
              , “<Words of={one.comment} />”
            </>
          )}{" "}
          <time dateTime={one.created_at}>{moment(one.created_at)}</time>
          {!one.is_live && " (no longer counts)"}
        </li>
      ))}
    </ul>
  );
}
