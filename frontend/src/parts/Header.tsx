// Who, where, how far.
import type { MeReply, Progress } from "../contract";
import type { Action } from "../logic/keys";
import { messages } from "../messages";
import { Caps } from "./Caps";

interface Props {
  me: MeReply;
  progress: Progress | null;
  waiting: number;
  isOffline: boolean;
  view: "label" | "history";
  act: (action: Action) => void;
}

export function Header({ me, progress, waiting, isOffline, view, act }: Props) {
  const says = messages.nav;
  return (
    <header class="top">
      <p class="brand">
        {messages.brand} <span class="workspace">{me.workspace}</span>
      </p>
      {progress && <ProgressMeter {...{ progress, waiting, isOffline }} />}
      <nav aria-label={says.label}>
        {me.role === "admin" && (
          <a class="quiet" href="/admin">
            {says.admin}
          </a>
        )}
        <button type="button" class="quiet" onClick={() => act("history")}>
          {view === "history" ? says.back : says.history} <Caps of="history" />
        </button>
        <button type="button" class="quiet" onClick={() => act("guidelines")}>
          {says.guidelines} <Caps of="guidelines" />
        </button>
        <button type="button" class="quiet" onClick={() => act("help")}>
          {says.keys} <Caps of="help" />
        </button>
      </nav>
    </header>
  );
}

interface MeterProps {
  progress: Progress;
  waiting: number;
  /** What waits is told only then: else it is sent before anybody could read it. */
  isOffline: boolean;
}

function ProgressMeter({ progress, waiting, isOffline }: MeterProps) {
  const { done, remaining, done_today: today, team, goal } = progress;
  const target = done + remaining;
  const says = messages.progress;
  const teamSays = says.team(team, goal);
  return (
    <div class="progress" title={teamSays} data-waiting={waiting}>
      <progress value={done} max={Math.max(target, 1)} aria-label={says.label} />
      <span class="own">{remaining > 0 ? says.of(done, target) : says.done(done)}</span>
      <span class="more">{says.today(today)}</span>
      <span class="more">{teamSays}</span>
      {isOffline && waiting > 0 && <span class="unsent">{says.waiting(waiting)}</span>}
    </div>
  );
}
