// Write the ideal answer, or edit one until it is right.
import { useRef, useState } from "preact/hooks";
import { messages } from "../messages";
import { Caps } from "../parts/Caps";
import { Diff } from "../parts/Diff";
import { Answer } from "../parts/Texts";
import { useActions } from "./actions";
import { Bar, Decision } from "./Bar";
import { Below, leaveOnEscape } from "./Below";
import type { TaskProps } from "./shared";

export const MAX_CHARACTERS = 200_000;

export function WritingTask(props: TaskProps) {
  const { task, question, armed, isRaw, said, say, draft, keep, collapsed } = props;
  const { kind } = task;
  const isCorrection = kind === "correction";
  const original = isCorrection ? (task.answers[0]?.text ?? "") : "";
  const [hasDiff, setDiff] = useState(true);
  const field = useRef<HTMLTextAreaElement>(null);
  const text = draft.text || original;
  const problem = problemOf(text, original);

  const submit = () => {
    if (armed.isArmed && problem === null) {
      say(isCorrection ? { kind: "correction", text, place: 0 } : { kind: "demonstration", text });
    }
  };
  const actions = useActions(({ action }) => {
    switch (action) {
      case "submit":
        submit();
        return true;
      case "write":
        field.current?.focus();
        return true;
      case "diff":
        setDiff((now) => !now);
        return true;
      default:
        return false;
    }
  });
  const onKeyDown = (event: KeyboardEvent) => {
    if (isSubmit(event)) {
      event.preventDefault();
      submit();
    }
    leaveOnEscape(event);
  };

  const isSaid = said !== null;
  return (
    <>
      {isCorrection && task.answers[0] && (
        <div class={`answers one ${collapsed.isCollapsed ? "collapsed" : ""}`}>
          <Answer letter={null} answer={task.answers[0]} isRaw={isRaw} />
        </div>
      )}
      <label class="field writing">
        <span>
          {messages.writing[isCorrection ? "correction" : "demonstration"]} <Caps of="write" />
        </span>
        <textarea
          ref={field}
          dir="auto"
          rows={8}
          value={text}
          onInput={(event) => keep({ text: event.currentTarget.value })}
          onKeyDown={onKeyDown}
        />
      </label>
      {isCorrection && (
        <p class="show-all">
          <button type="button" class="quiet" onClick={() => actions.ask("diff")}>
            {hasDiff ? messages.writing.hideDiff : messages.writing.showDiff} <Caps of="diff" />
          </button>
        </p>
      )}
      {isCorrection && hasDiff && <Diff before={original} after={text} />}
      <Below {...props} />
      <Bar
        armed={armed}
        numAnswers={task.answers.length}
        hint={question.text}
        canSuggest={false}
        isRaw={isRaw}
      >
        <div class="decisions pair">
          <Decision
            action="submit"
            says={problem ?? messages.writing.send}
            isPicked={isSaid}
            isOn={armed.isArmed && problem === null}
            press={submit}
          />
        </div>
      </Bar>
    </>
  );
}

/** Why a text cannot be sent; null where it can. */
export function problemOf(text: string, original: string): string | null {
  if (text.trim() === "") {
    return messages.writing.empty;
  }
  if (text === original) {
    return messages.writing.unchanged;
  }
  return text.length > MAX_CHARACTERS ? messages.writing.tooLong : null;
}

/** Ctrl+Enter, or Command+Enter. */
export function isSubmit(event: KeyboardEvent): boolean {
  return event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.repeat;
}
