// Skip or flag: one key for the reason, and that is all.
import { useRef } from "preact/hooks";
import type { SkipReason } from "../types";
import { digitOf, isField } from "../logic/keys";
import { messages } from "../messages";
import { CapList } from "../parts/Caps";
import { Dialog } from "../parts/Dialog";

const REASONS: readonly SkipReason[] = ["too_hard", "broken", "offensive", "not_my_field", "other"];

interface Props {
  what: "skip" | "flag";
  send: (reason: SkipReason, comment: string) => void;
  close: () => void;
}

export function RemarkDialog({ what, send, close }: Props) {
  const comment = useRef<HTMLTextAreaElement>(null);
  const give = (reason: SkipReason | undefined) => {
    if (reason) {
      send(reason, comment.current?.value ?? "");
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;
    const digit = isPlain && !isField(event.target) ? digitOf(event) : null;
    if (digit !== null) {
      event.preventDefault();
      give(REASONS[digit - 1]);
    }
  };
  const says = messages[what];
  return (
    <Dialog title={says.title} close={close} onKeyDown={onKeyDown}>
      <p class="aside">{says.hint}</p>
      <div class="reasons">
        {REASONS.map((reason, place) => (
          <button
            key={reason}
            type="button"
            class="decision"
            autoFocus={place === 0}
            onClick={() => give(reason)}
          >
            {messages.reasons[reason]} <CapList caps={[String(place + 1)]} />
          </button>
        ))}
      </div>
      <label class="field">
        <span>{messages.remarkComment}</span>
        <textarea ref={comment} rows={2} maxLength={10_000} />
      </label>
      <div class="dialog-end">
        <button type="button" class="quiet" onClick={close}>
          {messages.comment.close} <CapList caps={["Esc"]} />
        </button>
      </div>
    </Dialog>
  );
}
