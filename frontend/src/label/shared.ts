// What every kind of task is handed.
import type { Task } from "../contract";
import type { LocalDraft } from "../engine/drafts";
import type { Question, Said } from "../types";
import type { Armed } from "./useArmed";
import type { Collapsed } from "./useCollapsed";

export interface TaskProps {
  task: Task;
  question: Question;
  armed: Armed;
  collapsed: Collapsed;
  isRaw: boolean;
  /** What was just said, until the next task comes. */
  said: Said | null;
  draft: LocalDraft;
  keep: (part: Partial<LocalDraft>) => void;
  /** Says it, comment included; false where it was not taken. */
  say: (said: Said) => boolean;
}

/** What was said, if it is of that kind. */
export function saidAs<K extends Said["kind"]>(
  kind: K,
  said: Said | null | undefined,
): Extract<Said, { kind: K }> | null {
  return said?.kind === kind ? (said as Extract<Said, { kind: K }>) : null;
}
