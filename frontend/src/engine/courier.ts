// Brings the outbox to the server: at once, again after a while, and when the network is back.
import {
  isSessionOver,
  postJudgment,
  postRemark,
  postUndo,
  postWithdrawal,
  putDraft,
  Unreachable,
} from "../api";
import type { Outbox, Parcel } from "./outbox";

export interface Report {
  /** The server cannot be reached (or can again: null). */
  trouble(error: Unreachable | null): void;
  delivered(parcel: Parcel, reply: unknown): void;
  /** Something was put aside, or nothing is left: look at the outbox again. */
  changed(): void;
  signedOut(): void;
  /** Not foreseen. */
  broken(error: unknown): void;
}

export function sendParcel(parcel: Parcel): Promise<unknown> {
  switch (parcel.what) {
    case "judgment":
      return postJudgment(parcel.body);
    case "undo":
      return postUndo(parcel.body);
    case "remark":
      return postRemark(parcel.body);
    case "withdrawal":
      return postWithdrawal(parcel.body);
    case "draft":
      return putDraft(parcel.itemId, parcel.body);
  }
}

/** Milliseconds to wait before try number `tries` (from 1): 1, 2, 4, 8, then 15 seconds. */
export function backoff(tries: number): number {
  return Math.min(1000 * 2 ** (tries - 1), 15_000);
}

export class Courier {
  #isRunning = false;
  #wantsMore = false;
  #tries = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isStopped = false;
  #waiting: (() => void)[] = [];
  readonly #now = () => this.kick();

  constructor(
    private readonly outbox: Outbox,
    private readonly report: Report,
  ) {
    globalThis.addEventListener?.("online", this.#now);
  }

  /** There is something to bring, or reason to try again. */
  kick(): void {
    this.#wantsMore = true;
    if (!this.#isRunning && !this.#isStopped) {
      this.#isRunning = true;
      void this.#run().finally(() => {
        this.#isRunning = false;
      });
    }
  }

  /** Resolves when everything has been brought (or the session is over: then never). */
  settled(): Promise<void> {
    if (this.outbox.parcels().length === 0) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.kick();
    });
  }

  stop(): void {
    this.#isStopped = true;
    globalThis.removeEventListener?.("online", this.#now);
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
    }
  }

  async #run(): Promise<void> {
    while (this.#wantsMore && !this.#isStopped) {
      this.#wantsMore = false;
      try {
        await this.outbox.flush((parcel, reply) => this.report.delivered(parcel, reply));
        this.#tries = 0;
        this.report.trouble(null);
        this.report.changed();
        this.#settle();
      } catch (error) {
        this.report.changed();
        this.#failed(error);
      }
    }
  }

  #failed(error: unknown): void {
    if (isSessionOver(error)) {
      this.#isStopped = true;
      this.report.signedOut();
    } else if (error instanceof Unreachable) {
      this.#tries += 1;
      this.report.trouble(error);
      this.#again(error.retryAfterMs ?? backoff(this.#tries));
    } else {
      this.report.broken(error);
      this.#again(backoff(++this.#tries));
    }
  }

  #again(ms: number): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
    }
    this.#timer = setTimeout(this.#now, ms);
  }

  #settle(): void {
    if (this.outbox.parcels().length === 0) {
      for (const resolve of this.#waiting.splice(0)) {
        resolve();
      }
    }
  }
}
