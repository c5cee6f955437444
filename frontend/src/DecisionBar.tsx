// The decisions, fixed at the bottom, each button showing its keys.
import type { Ref } from "preact";
import { BINDINGS, type Action } from "./keys";
import type { Choice } from "./types";

const LABELS: Record<Choice, string> = {
  A: "A is better",
  tie: "Tie",
  both_bad: "Both bad",
  B: "B is better",
};
/** As on screen: A under the left answer, B under the right one. */
const ORDER: Choice[] = ["A", "tie", "both_bad", "B"];

export function Caps({ of }: { of: Action }) {
  const caps = BINDINGS.find((binding) => binding.action === of)?.caps ?? [];
  return (
    <span class="caps" aria-hidden="true">
      {caps.map((cap) => (
        <kbd key={cap}>{cap}</kbd>
      ))}
    </span>
  );
}

interface Props {
  chosen: Choice | null;
  isArmed: boolean;
  hasSeenBoth: boolean;
  act: (action: Action) => void;
  frame: Ref<HTMLElement>;
}

export function DecisionBar({ chosen, isArmed, hasSeenBoth, act, frame }: Props) {
  const phase = isArmed ? "armed" : hasSeenBoth ? "arming" : "unseen";
  return (
    <footer class={`bar ${phase}`} ref={frame}>
      <div class="arming" aria-hidden="true" />
      <div class="decisions" role="group" aria-label="Which answer would you rather have?">
        {ORDER.map((choice) => (
          <button
            key={choice}
            type="button"
            class={`decision ${choice} ${chosen === choice ? "picked" : ""}`}
            aria-disabled={!isArmed}
            aria-pressed={chosen === choice}
            onClick={() => act(choice)}
          >
            {LABELS[choice]} <Caps of={choice} />
          </button>
        ))}
      </div>
      <div class="asides">
        <button type="button" class="quiet" onClick={() => act("undo")}>
          Undo <Caps of="undo" />
        </button>
        <p class="hint">
          {hasSeenBoth ? "Which would you rather have received?" : "Scroll to see both answers"}
        </p>
        <button type="button" class="quiet" onClick={() => act("next")}>
          Skip for now <Caps of="next" />
        </button>
      </div>
    </footer>
  );
}
