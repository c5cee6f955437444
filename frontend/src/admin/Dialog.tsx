// A question in the browser's own modal dialog: a form with one thing to do, and a way out.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Trouble } from "./Parts";

interface Props {
  title: string;
  /** What the button says. */
  action: string;
  isBusy?: boolean;
  trouble?: string | null;
  /** Null where there is nothing to do but to read. */
  submit: (() => void) | null;
  close: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, action, isBusy = false, trouble = null, ...more }: Props) {
  const { submit, close, children } = more;
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    // Where the keyboard was is where it goes on.
    return () => (before instanceof HTMLElement ? before.focus() : undefined);
  }, []);
  const closeNow = (event: Event) => {
    event.preventDefault();
    close();
  };
  const go = (event: Event) => {
    event.preventDefault();
    if (!isBusy) {
      (submit ?? close)();
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby={heading} onCancel={closeNow}>
      <h2 id={heading}>{title}</h2>
      <form method="dialog" class="ask" onSubmit={go}>
        {children}
        <Trouble text={trouble} />
        <div class="row">
          <button type="submit" class="primary" disabled={isBusy}>
            {action}
          </button>
          {submit && (
            <button type="button" class="quiet" onClick={close}>
              Cancel
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}
