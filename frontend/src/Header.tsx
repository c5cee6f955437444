// Who, where, how far.
import { Caps } from "./DecisionBar";
import type { Action } from "./keys";
import type { Me, Progress } from "./types";

interface Props {
  me: Me;
  progress: Progress;
  act: (action: Action) => void;
}

export function Header({ me, progress, act }: Props) {
  return (
    <header class="top">
      <p class="brand">
        rather <span class="workspace">{me.workspace}</span>
      </p>
      <ProgressMeter {...progress} />
      <nav aria-label="Help">
        <button type="button" class="quiet" onClick={() => act("guidelines")}>
          Guidelines <Caps of="guidelines" />
        </button>
        <button type="button" class="quiet" onClick={() => act("help")}>
          Keys <Caps of="help" />
        </button>
      </nav>
    </header>
  );
}

function ProgressMeter({ done, remaining, goal }: Progress) {
  // A round never waits for more than there is.
  const target = Math.min(goal, done + remaining);
  const says = done < target ? `${done} of ${target}` : `${done} judged`;
  return (
    <div class="progress">
      <progress value={Math.min(done, target)} max={Math.max(target, 1)} aria-label="Judged" />
      <span>{says}</span>
    </div>
  );
}
