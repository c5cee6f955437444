// How something said gets into the outbox, the trail and the counts, all at once.
import type { Task } from "../contract";
import { messages } from "../messages";
import type { Said } from "../types";
import type { Board } from "./board";
import type { ReadingClock } from "./clock";
import type { Courier } from "./courier";
import type { Drafts } from "./drafts";
import { newKey } from "./ids";
import type { Outbox, Parcel } from "./outbox";
import { moved } from "./state";
import { Full } from "./storage";
import { type Step, type Trail, weightOf } from "./trail";

interface VoiceParts {
  board: Board;
  clock: ReadingClock;
  outbox: Outbox;
  courier: Courier;
  drafts: Drafts;
  trail: Trail;
}

export class Voice {
  constructor(private readonly parts: VoiceParts) {}

  /** Null where this browser has no room for it. */
  say(
    task: Task,
    supersedes: string | null,
    said: Said,
    comment: string,
    isAside: boolean,
  ): Step | null {
    const { board, clock, courier, drafts, trail } = this.parts;
    const key = newKey();
    const body = {
      item_id: task.item_id,
      said,
      ms_to_decision: clock.milliseconds,
      idempotency_key: key,
      guidelines_hash: board.state.guidelines?.hash ?? "",
      comment,
      supersedes,
    };
    if (!this.put({ what: "judgment", body })) {
      return null;
    }
    const step: Step = { what: "judgment", key, task, supersedes, said, comment, isAside };
    trail.push(step);
    drafts.forget(task.item_id);
    board.set({ progress: moved(board.state.progress, weightOf(step)) });
    courier.kick();
    return step;
  }

  put(parcel: Parcel): boolean {
    const isIn = this.orSayFull(() => this.parts.outbox.put(parcel));
    this.look();
    return isIn;
  }

  orSayFull(task: () => void): boolean {
    try {
      task();
      return true;
    } catch (error) {
      if (!(error instanceof Full)) {
        throw error;
      }
      this.parts.board.toast(messages.trouble.full);
      return false;
    }
  }

  /** What waits and what came back, also by another tab's doing. */
  look(): void {
    const { board, outbox, trail } = this.parts;
    const returned = outbox.returned();
    const numGone = trail.forget(new Set(returned.map((one) => one.key)));
    const progress = moved(board.state.progress, -numGone);
    board.set({ waiting: outbox.size, returned, progress });
  }
}
