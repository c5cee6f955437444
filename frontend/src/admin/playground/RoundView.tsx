// One turn and its answers side by side: choose one, edit one, go on from one.
import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";
import { newKey } from "../api";
import { Pieces } from "../../parts/Diff";
import { useCommands } from "../keys";
import { Said, Text, Trouble } from "../Parts";
import { useAct } from "../useAct";
import { counted, took, visible } from "../words";
import { choiceOf, nameOf, type Round } from "./conversation";
import { Correct } from "./Correct";
import { storeCorrection, storePick } from "./useChat";

interface Props {
  of: Round;
  number: number;
  isLast: boolean;
  change: (by: (round: Round) => Round) => void;
}

export function RoundView({ of, number, isLast, change }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  const [editing, setEditing] = useState<number | null>(null);
  const { isBusy, said, trouble, run } = useAct();
  const keys = useRef(new Map<string, string>());
  // The answers have come: keys choose among them, so the keyboard leaves the text field.
  useLayoutEffect(() => heading.current?.focus({ preventScroll: true }), []);
  useLayoutEffect(() => heading.current?.scrollIntoView({ block: "nearest" }), []);

  /** One key for one act, the same when it has to be sent again. */
  const keyOf = (act: string) => {
    const key = keys.current.get(act) ?? newKey();
    keys.current.set(act, key);
    return key;
  };
  const isOpen = isLast && of.picked === null;
  const pick = (choice: number | "tie" | "both_bad") =>
    void run(async () => {
      change(await storePick(of, choice, keyOf(`pick ${choice}`)));
      return typeof choice === "number"
        ? `Stored: answer ${choice + 1} is better.`
        : `Stored: ${choice === "tie" ? "a tie" : "none is good"}. Choose one to go on from.`;
    });
  useCommands(
    useCallback(
      (command) => {
        const choice = isOpen && editing === null ? choiceOf(command, of.columns.length) : null;
        if (choice !== null) {
          pick(choice);
        }
        return choice !== null;
      },
      [isOpen, editing, of],
    ),
  );
  const correct = (column: number, text: string) =>
    void run(async () => {
      change(await storeCorrection(of, column, text, keyOf(`correct ${column} ${text}`)));
      setEditing(null);
      return `Stored: your text for answer ${column + 1}.`;
    });
  return (
    <section class="round" aria-labelledby={`round-${number}`}>
      <p class="turn user asked" dir="auto">
        {visible(of.asked)}
      </p>
      <h2 id={`round-${number}`} class="hidden" tabIndex={-1} ref={heading}>
        Answers to message {number}
      </h2>
      <div class={`side-by-side of-${of.columns.length}`}>
        {of.columns.map((_, column) => (
          <ColumnView
            key={column}
            of={of}
            column={column}
            isLast={isLast}
            isBusy={isBusy}
            pick={isOpen ? () => pick(column) : null}
            goOn={() => change((now) => ({ ...now, goOn: column }))}
            edit={() => setEditing(column)}
          />
        ))}
      </div>
      {isOpen && (
        <div class="row">
          <button type="button" class="plain" disabled={isBusy} onClick={() => pick("tie")}>
            A tie <kbd aria-hidden="true">0</kbd>
          </button>
          <button type="button" class="plain" disabled={isBusy} onClick={() => pick("both_bad")}>
            None is good
          </button>
        </div>
      )}
      <Said text={said} />
      <Trouble text={trouble} />
      {editing !== null && of.columns[editing] && (
        <Correct
          key={editing}
          number={editing + 1}
          before={of.corrected[editing] ?? of.columns[editing].raw}
          isBusy={isBusy}
          store={(text) => correct(editing, text)}
          close={() => setEditing(null)}
        />
      )}
    </section>
  );
}

interface ColumnProps {
  of: Round;
  column: number;
  isLast: boolean;
  isBusy: boolean;
  pick: (() => void) | null;
  goOn: () => void;
  edit: () => void;
}

function ColumnView({ of, column, isLast, isBusy, pick, goOn, edit }: ColumnProps) {
  const answer = of.columns[column];
  if (answer === undefined) {
    return null;
  }
  const name = nameOf(of, column);
  const isGoneOn = of.goOn === column;
  const corrected = of.corrected[column];
  return (
    <article
      class={`answer column ${isGoneOn ? "chosen" : ""}`}
      aria-label={`Answer ${column + 1}${name === null ? "" : `, ${visible(name)}`}`}
    >
      <h3>
        Answer {column + 1} {name !== null && <span class="model">{visible(name)}</span>}
        {of.picked === column && <span class="tag better">better</span>}
      </h3>
      {corrected === undefined ? (
        <Text of={answer} />
      ) : (
        <>
          <Pieces before={answer.text} after={visible(corrected)} />
          <p class="aside">Your text is the one gone on with.</p>
        </>
      )}
      {answer.is_cut_off && <p class="warning">Cut off at the limit of tokens.</p>}
      {/* Length and speed may tell who answered. */}
      {name !== null && (
        <p class="aside">
          {counted(answer.num_tokens, "token")} in {took(answer.seconds * 1000)}
        </p>
      )}
      {isLast && (
        <div class="row">
          {pick && (
            <button type="button" class="primary" disabled={isBusy} onClick={pick}>
              I’d rather have this one <kbd aria-hidden="true">{column + 1}</kbd>
            </button>
          )}
          <button type="button" class="plain" aria-pressed={isGoneOn} onClick={goOn}>
            {isGoneOn ? "Goes on from here" : "Go on from here"}
          </button>
          <button type="button" class="plain" disabled={isBusy} onClick={edit}>
            Edit
          </button>
        </div>
      )}
    </article>
  );
}
