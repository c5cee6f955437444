// Between the answers and the bar: show all of long ones, and a comment.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { messages } from "../messages";
import { Caps } from "../parts/Caps";
import { useActions } from "./actions";
import type { TaskProps } from "./shared";

export function Below({ collapsed, draft, keep }: TaskProps) {
  const [isOpen, setOpen] = useState(draft.comment !== "");
  const field = useRef<HTMLTextAreaElement>(null);
  const wantsFocus = useRef(false);
  const actions = useActions(({ action }) => {
    if (action === "comment") {
      wantsFocus.current = true;
      setOpen(true);
      field.current?.focus();
      return true;
    }
    if (action === "all" && collapsed.isLong) {
      collapsed.toggle();
      return true;
    }
    return false;
  });
  // Before the next paint, or the first letter would still be a shortcut.
  useLayoutEffect(() => {
    if (isOpen && wantsFocus.current) {
      field.current?.focus();
      field.current?.scrollIntoView({ block: "nearest" });
    }
  }, [isOpen]);
  return (
    <>
      {collapsed.isLong && (
        <p class="show-all">
          <button type="button" class="quiet" onClick={() => actions.ask("all")}>
            {collapsed.isCollapsed ? messages.showAll : messages.showLess} <Caps of="all" />
          </button>
        </p>
      )}
      {isOpen && (
        <label class="field comment">
          <span>{messages.comment.label}</span>
          <textarea
            ref={field}
            rows={2}
            maxLength={10_000}
            value={draft.comment}
            onInput={(event) => keep({ comment: event.currentTarget.value })}
            onKeyDown={leaveOnEscape}
          />
        </label>
      )}
    </>
  );
}

/** Out of a field, so that single keys work again. */
export function leaveOnEscape(event: KeyboardEvent): void {
  if (event.key === "Escape" && event.currentTarget instanceof HTMLElement) {
    event.preventDefault();
    event.stopPropagation();
    event.currentTarget.blur();
  }
}
