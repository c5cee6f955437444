// A better text for one of the answers, beside the choice between them.
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Task } from "../contract";
import type { LocalDraft } from "../engine/drafts";
import { letterOf } from "../logic/ranking";
import { messages } from "../messages";
import { CapList } from "../parts/Caps";
import { Dialog } from "../parts/Dialog";
import { Diff } from "../parts/Diff";
import { isSubmit, problemOf } from "./WritingTask";

interface Props {
  task: Task;
  draft: LocalDraft;
  keep: (part: Partial<LocalDraft>) => void;
  send: (text: string, place: number) => void;
  close: () => void;
}

export function SuggestDialog({ task, draft, keep, send, close }: Props) {
  const place = draft.place < task.answers.length ? draft.place : 0;
  const original = task.answers[place]?.text ?? "";
  const text = draft.text || original;
  const problem = problemOf(text, original);
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);

  const submit = () => {
    if (problem === null) {
      send(text, place);
    }
  };
  const startFrom = (other: number) => {
    // Only what was not touched is replaced; what somebody wrote is theirs.
    keep({ place: other, text: text === original ? "" : text });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (isSubmit(event)) {
      event.preventDefault();
      submit();
    }
  };
  return (
    <Dialog title={messages.suggest.title} close={close} isWide onKeyDown={onKeyDown}>
      {task.answers.length > 1 && (
        <fieldset class="sides">
          <legend>{messages.suggest.base}</legend>
          {task.answers.map((_, one) => (
            <label key={one}>
              <input
                type="radio"
                name="place"
                checked={one === place}
                onChange={() => startFrom(one)}
              />
              {messages.answer(letterOf(one))}
            </label>
          ))}
        </fieldset>
      )}
      <label class="field">
        <span>{messages.writing.suggestion}</span>
        <textarea
          ref={field}
          dir="auto"
          rows={8}
          value={text}
          onInput={(event) => keep({ text: event.currentTarget.value })}
        />
      </label>
      <Diff before={original} after={text} />
      <div class="dialog-end">
        <button type="button" class="quiet" onClick={close}>
          {messages.comment.close} <CapList caps={["Esc"]} />
        </button>
        <button type="button" class="primary" aria-disabled={problem !== null} onClick={submit}>
          {problem ?? messages.writing.send} <CapList caps={["Ctrl Enter"]} />
        </button>
      </div>
    </Dialog>
  );
}
