// Nothing left to judge, or nobody logged in.
import { Caps } from "./DecisionBar";
import type { Progress } from "./types";

export function End({ progress, undo }: { progress: Progress; undo: () => void }) {
  const { done } = progress;
  const judgments = done === 1 ? "1 judgment" : `${done} judgments`;
  return (
    <main class="end">
      <h1>{done === 0 ? "Nothing to judge yet" : `All done: ${judgments}`}</h1>
      <p>
        {done === 0 ? (
          <>
            There are no two different answers to one prompt. Next: <code>rather sample</code>
          </>
        ) : (
          <>
            Thank you. Every one is saved. Next: <code>rather reward</code>
          </>
        )}
      </p>
      {done > 0 && (
        <button type="button" class="quiet" onClick={undo}>
          Undo the last <Caps of="undo" />
        </button>
      )}
    </main>
  );
}

export function SignedOut() {
  return (
    <main class="end">
      <h1>Your session has ended</h1>
      <p>
        Ask for a new link (<code>rather label</code> prints one). What you judged is saved; what
        could not be sent yet is kept in this browser.
      </p>
    </main>
  );
}
