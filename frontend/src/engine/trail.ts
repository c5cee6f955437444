// What was done in this tab and can be taken back, the last ten.
import type { Task } from "../contract";
import type { Said } from "../types";

export interface Step {
  what: "judgment" | "remark";
  key: string;
  task: Task;
  /** The past judgment it replaced. */
  supersedes: string | null;
  /** Null of a remark. */
  said: Said | null;
  comment: string;
  /** A suggestion beside the answer: the task stayed on screen. */
  isAside: boolean;
}

const MAX_STEPS = 10;

export class Trail {
  #steps: Step[] = [];

  push(step: Step): void {
    this.#steps = [...this.#steps, step].slice(-MAX_STEPS);
  }

  pop(): Step | undefined {
    return this.#steps.pop();
  }

  /** These were refused: there is nothing to take back. Returns how many judgments they were. */
  forget(keys: Set<string>): number {
    const gone = this.#steps.filter((step) => keys.has(step.key));
    this.#steps = this.#steps.filter((step) => !keys.has(step.key));
    return gone.reduce((sum, step) => sum + weightOf(step), 0);
  }
}

/** How far taking a step moved the count of judgments. */
export function weightOf(step: Step): number {
  return step.what === "judgment" && !step.isAside && step.supersedes === null ? 1 : 0;
}

/** What had been written in it. */
export function writtenIn({ said, comment }: Step) {
  return {
    text: said && "text" in said ? said.text : "",
    place: said?.kind === "correction" ? said.place : 0,
    comment,
  };
}
