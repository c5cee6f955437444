// Where the next turn is written; Enter sends, Shift and Enter begins a new line.
import { useState } from "preact/hooks";

interface Props {
  isFirst: boolean;
  /** Why nothing can be sent now; null where it can. */
  hindrance: string | null;
  send: (text: string) => void;
}

export function Composer({ isFirst, hindrance, send }: Props) {
  const [text, setText] = useState("");
  const go = () => {
    if (hindrance === null && text.trim() !== "") {
      send(text);
      setText("");
    }
  };
  return (
    <form
      class="card composer"
      onSubmit={(event) => {
        event.preventDefault();
        go();
      }}
    >
      <label for="turn">{isFirst ? "Your message" : "Your next message"}</label>
      <textarea
        id="turn"
        rows={3}
        dir="auto"
        maxLength={200_000}
        value={text}
        aria-describedby="turn-hint"
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          // While an input method composes, Enter takes its suggestion.
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            go();
          }
        }}
      />
      <div class="row">
        <button type="submit" class="primary" disabled={hindrance !== null || text.trim() === ""}>
          Send <kbd aria-hidden="true">Enter</kbd>
        </button>
        <span id="turn-hint" class="aside">
          {hindrance ?? "Shift and Enter begin a new line."}
        </span>
      </div>
    </form>
  );
}
