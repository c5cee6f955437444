// One task after the other: what is on screen, and fetching more in time.
import type { NextReply, Task } from "../contract";
import type { Board } from "./board";
import type { ReadingClock } from "./clock";
import type { Courier } from "./courier";
import type { Alone } from "./lock";
import type { Outbox } from "./outbox";
import { moved } from "./state";
import { RENEWAL_MS, Supply } from "./supply";
import type { Tabs } from "./tabs";

const LOOK_AGAIN_MS = 30_000;

export interface FlowParts {
  board: Board;
  clock: ReadingClock;
  outbox: Outbox;
  courier: Courier;
  tabs: Tabs;
  alone: Alone;
  owner: string;
  isVisible: () => boolean;
}

export class Flow {
  readonly #supply: Supply;
  readonly #renewal: ReturnType<typeof setInterval>;
  #lookAgain: ReturnType<typeof setTimeout> | undefined;
  #refilling: Promise<void> | null = null;

  constructor(private readonly parts: FlowParts) {
    const { owner, alone, tabs } = parts;
    this.#supply = new Supply(owner, alone, tabs, () => this.#busyItems());
    this.#renewal = setInterval(() => this.renew(), RENEWAL_MS / 4);
  }

  /** The next task at hand; where there is none, waits for the server without holding anything. */
  async next(): Promise<void> {
    const { board } = this.parts;
    if (this.#supply.size === 0) {
      this.#put(null, null, true);
      const { showing } = board.state;
      await this.#refill();
      if (board.state.showing !== showing) {
        return; // something was taken back meanwhile, and is on screen
      }
    } else if (this.#supply.isLow) {
      void this.#refill();
    }
    const task = this.#supply.take();
    this.show(task, null);
    if (!task) {
      this.#lookAgainSoon();
    }
  }

  show(task: Task | null, supersedes: string | null): void {
    this.#put(task, supersedes, false);
  }

  /** What is on screen waits, before all others; a past judgment's task does not. */
  putBack(): void {
    const { task, supersedes } = this.parts.board.state;
    if (task && supersedes === null) {
      this.#supply.giveBack(task);
    }
  }

  /** Left alone for long, what is at hand is renewed. */
  renew(): void {
    if (this.parts.isVisible() && this.#supply.isStale && this.parts.board.state.task) {
      void this.#refill();
    }
  }

  stop(): void {
    clearInterval(this.#renewal);
    clearTimeout(this.#lookAgain);
  }

  #put(task: Task | null, supersedes: string | null, isWaiting: boolean): void {
    const { board, clock, isVisible } = this.parts;
    clock.restart(isVisible());
    const showing = board.state.showing + 1;
    board.set({ task, supersedes, showing, said: null, isWaiting });
    this.#supply.announce();
  }

  /** At the end, or paused: there may be more in a while. */
  #lookAgainSoon(): void {
    clearTimeout(this.#lookAgain);
    this.#lookAgain = setTimeout(async () => {
      const { board, isVisible } = this.parts;
      if (board.state.task) {
        return;
      }
      if (isVisible()) {
        await this.#refill();
      }
      if (this.#supply.size > 0 && !board.state.task) {
        await this.next();
      } else {
        this.#lookAgainSoon();
      }
    }, LOOK_AGAIN_MS);
  }

  #refill(): Promise<void> {
    this.#refilling ??= this.#refillNow().finally(() => {
      this.#refilling = null;
    });
    return this.#refilling;
  }

  /** The server must have heard what was said, or it would ask it again. */
  async #refillNow(): Promise<void> {
    const { board } = this.parts;
    let before: number | undefined;
    const reply = await board.insist(async () => {
      await this.parts.courier.settled();
      before = board.state.progress?.done;
      return this.#supply.refill();
    });
    if (reply) {
      // What was said or taken back meanwhile is not in the reply; the next one has it.
      const isStale = before !== undefined && before !== board.state.progress?.done;
      this.#heard(isStale ? { ...reply, progress: board.state.progress ?? reply.progress } : reply);
    }
  }

  #heard({ guidelines, notice, is_paused: isPaused, progress }: NextReply): void {
    const { board, outbox } = this.parts;
    const unheard = outbox
      .parcels()
      .filter((parcel) => parcel.what === "judgment" && !parcel.body.supersedes).length;
    const isOwn = progress === board.state.progress;
    board.set({
      guidelines,
      notice,
      isPaused,
      progress: isOwn ? progress : moved(progress, unheard),
    });
    if (isPaused) {
      this.#supply.empty();
    }
  }

  #busyItems(): string[] {
    const { board, outbox } = this.parts;
    const unheard = outbox
      .parcels()
      .flatMap((parcel) =>
        parcel.what === "judgment" || parcel.what === "remark" ? [parcel.body.item_id] : [],
      );
    return board.state.task ? [board.state.task.item_id, ...unheard] : unheard;
  }
}
