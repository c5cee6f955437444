// The guidelines and the list of keys, in the browser's own modal dialog.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { BINDINGS } from "./keys";
import type { Guidelines } from "./types";

interface DialogProps {
  title: string;
  action: string;
  close: () => void;
  children: ComponentChildren;
}

function Dialog({ title, action, close, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  // The browser's own close event comes late: a key pressed meanwhile would meet the old state.
  const closeNow = (event: Event) => {
    event.preventDefault();
    close();
  };
  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onCancel={closeNow} onClose={close}>
      <h2 id="dialog-title">{title}</h2>
      {children}
      <form method="dialog" onSubmit={closeNow}>
        <button type="submit" class="primary" autoFocus>
          {action} <kbd aria-hidden="true">Enter</kbd>
        </button>
      </form>
    </dialog>
  );
}

interface GuidelinesProps {
  guidelines: Guidelines;
  isNew: boolean;
  close: () => void;
}

export function GuidelinesDialog({ guidelines, isNew, close }: GuidelinesProps) {
  return (
    <Dialog
      title={isNew ? "Before you start" : "Guidelines"}
      action={isNew ? "Start" : "Close"}
      close={close}
    >
      <div class="text" dir="auto" dangerouslySetInnerHTML={{ __html: guidelines.html }} />
      {isNew && (
        <p class="aside">
          You will see one prompt and two answers. Press <kbd>1</kbd> or <kbd>2</kbd> for the
          better one, <kbd>3</kbd> for a tie, <kbd>4</kbd> if both are bad. <kbd>u</kbd> takes the
          last one back, <kbd>?</kbd> lists all keys.
        </p>
      )}
    </Dialog>
  );
}

export function HelpDialog({ close }: { close: () => void }) {
  return (
    <Dialog title="Keys" action="Close" close={close}>
      <table class="keys">
        <tbody>
          {BINDINGS.map(({ action, caps, says }) => (
            <tr key={action}>
              <th scope="row">
                {caps.map((cap) => (
                  <kbd key={cap}>{cap}</kbd>
                ))}
              </th>
              <td>{says}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="aside">The choices listen once both answers have been on screen for a second.</p>
    </Dialog>
  );
}
