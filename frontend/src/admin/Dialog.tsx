// A question in a dialog: a form with one thing to do, and a way out.
import type { ComponentChildren } from "preact";
import { Dialog as Modal } from "../parts/Dialog";
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
  const go = (event: Event) => {
    event.preventDefault();
    if (!isBusy) {
      (submit ?? close)();
    }
  };
  return (
    <Modal title={title} close={close}>
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
    </Modal>
  );
}
