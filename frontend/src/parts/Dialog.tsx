// The browser's own modal dialog: it keeps the focus, and Escape closes it.
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

interface DialogProps {
  title: string;
  close: () => void;
  children: ComponentChildren;
  isWide?: boolean;
  onKeyDown?: (event: KeyboardEvent) => void;
}

export function Dialog({ title, close, children, isWide = false, onKeyDown }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Before the next paint: a key pressed at it must not reach what lies under it.
  useLayoutEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    // The focus may be on the button at the end; reading begins at the top.
    dialog.current?.scrollTo(0, 0);
    return () => {
      if (before instanceof HTMLElement && before.isConnected) {
        before.focus({ preventScroll: true });
      }
    };
  }, []);
  // The browser's own close event comes late: a key pressed meanwhile would meet the old state.
  const closeNow = (event: Event) => {
    event.preventDefault();
    close();
  };
  return (
    <dialog
      ref={dialog}
      class={isWide ? "wide" : ""}
      aria-labelledby={id}
      onCancel={closeNow}
      onClose={close}
      {...(onKeyDown ? { onKeyDown } : {})}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

/** The one button that most dialogs end with. */
export function DialogEnd({ says, close }: { says: string; close: () => void }) {
  const submit = (event: Event) => {
    event.preventDefault();
    close();
  };
  return (
    <form method="dialog" onSubmit={submit}>
      <button type="submit" class="primary" autoFocus>
        {says} <kbd aria-hidden="true">Enter</kbd>
      </button>
    </form>
  );
}
