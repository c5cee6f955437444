// The two lines that speak: what was just saved, and what could not be.
import type { Toast } from "./useLabelling";

export function ToastLine({ toast, undo }: { toast: Toast | null; undo: () => void }) {
  return (
    <div class="toast" role="status" aria-live="polite">
      {toast && (
        <p>
          {toast.text}
          {toast.canUndo && (
            <>
              {" · "}
              <button type="button" onClick={undo}>
                Undo (u)
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
