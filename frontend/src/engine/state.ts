// What is on screen, as one value that never changes: every change makes a new one.
import type { Guidelines, MeReply, Progress, Task } from "../contract";
import type { Returned } from "./outbox";
import type { Said } from "../types";

export interface Toast {
  /** Of the parcel it speaks about, while its fate is open. */
  key: string | null;
  text: string;
  canUndo: boolean;
}

export interface DeskState {
  phase: "loading" | "ready" | "signed_out";
  me: MeReply | null;
  guidelines: Guidelines | null;
  progress: Progress | null;
  notice: string | null;
  isPaused: boolean;
  /** Null: nothing left, or waiting for more. */
  task: Task | null;
  isWaiting: boolean;
  /** Counts what was put on screen; changes even when the same task comes again. */
  showing: number;
  /** What was just said, until the next task comes. */
  said: Said | null;
  /** The past judgment that is being replaced. */
  supersedes: string | null;
  toast: Toast | null;
  trouble: string | null;
  /** Parcels that the server has not acknowledged. */
  waiting: number;
  returned: Returned[];
}

export const AT_FIRST: DeskState = {
  phase: "loading",
  me: null,
  guidelines: null,
  progress: null,
  notice: null,
  isPaused: false,
  task: null,
  isWaiting: true,
  showing: 0,
  said: null,
  supersedes: null,
  toast: null,
  trouble: null,
  waiting: 0,
  returned: [],
};

/** Progress with something done (or, -1, taken back) that the server does not know of. */
export function moved(progress: Progress | null, by: number): Progress | null {
  return (
    progress && {
      ...progress,
      done: Math.max(0, progress.done + by),
      done_today: Math.max(0, progress.done_today + by),
      team: Math.max(0, progress.team + by),
      remaining: Math.max(0, progress.remaining - by),
    }
  );
}
