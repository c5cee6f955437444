// The lines that speak: what was just saved, what could not be, and what the server has to say.
import type { Toast } from "../engine/state";
import { messages } from "../messages";
import { Caps } from "./Caps";

export function ToastLine({ toast, undo }: { toast: Toast | null; undo: () => void }) {
  return (
    <div class="toast" role="status" aria-live="polite">
      {toast && (
        <p>
          {toast.text}
          {toast.canUndo && (
            <>
              <span aria-hidden="true"> · </span>
              <button type="button" onClick={undo}>
                {messages.toast.undo} <Caps of="undo" />
              </button>
            </>
          )}
        </p>
      )}
    </div>
  );
}

export function TroubleLine({ text }: { text: string | null }) {
  return (
    <div class="trouble" role="alert">
      {text && <p>{text}</p>}
    </div>
  );
}

export function NoticeLine({ text, read }: { text: string | null; read: () => void }) {
  if (!text) {
    return null;
  }
  return (
    <div class="notice" role="note">
      <p>
        {text}{" "}
        <button type="button" class="link" onClick={read}>
          {messages.guidelines.read}
        </button>
      </p>
    </div>
  );
}

export function ReturnedLine({ count, look }: { count: number; look: () => void }) {
  return (
    <div class="notice returned" role="alert">
      {count > 0 && (
        <p>
          {messages.returned.line(count)}.{" "}
          <button type="button" class="link" onClick={look}>
            {messages.returned.look}
          </button>
        </p>
      )}
    </div>
  );
}
