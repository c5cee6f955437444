// Tasks at hand: fetched ahead, so that the next one is there at once and offline too.
import { fetchNext } from "../api";
import type { NextReply, Task } from "../contract";
import type { Alone } from "./lock";
import type { Tabs } from "./tabs";

/** Enough for minutes without a network; more would keep them from the others. */
export const AT_HAND = 10;
/** More names than this a request must not carry. */
const MAX_NAMED = 100;
/** Below this, more are fetched. */
const LOW = 6;
/** Left alone for this long, what is at hand is renewed: the server keeps it ten minutes. */
export const RENEWAL_MS = 4 * 60_000;

export class Supply {
  #tasks: Task[] = [];
  #renewedAt = 0;
  #fetching: Promise<NextReply> | null = null;

  constructor(
    private readonly owner: string,
    private readonly alone: Alone,
    private readonly tabs: Tabs,
    /** Items that must not come again: on screen, or said and not yet heard of. */
    private readonly busy: () => readonly string[],
  ) {}

  get size(): number {
    return this.#tasks.length;
  }

  get isLow(): boolean {
    return this.#tasks.length < LOW;
  }

  get isStale(): boolean {
    return Date.now() - this.#renewedAt > RENEWAL_MS;
  }

  take(): Task | null {
    return this.#tasks.shift() ?? null;
  }

  /** For later, before all others. */
  giveBack(task: Task): void {
    this.#tasks = [task, ...this.#tasks.filter((one) => one.item_id !== task.item_id)];
  }

  /** Nothing of this is asked any more (paused). */
  empty(): void {
    this.#tasks = [];
    this.announce();
  }

  /** Tells the other tabs what this one has. */
  announce(): void {
    this.tabs.hold([...this.#tasks.map((task) => task.item_id), ...this.busy()]);
  }

  /** Fetches what is missing and renews the rest; one request at a time over all tabs. */
  refill(): Promise<NextReply> {
    this.#fetching ??= this.alone(`next.${this.owner}`, () => this.#fetch()).finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<NextReply> {
    const own = [...this.#tasks.map((task) => task.item_id), ...this.busy()];
    const foreign = this.tabs.others();
    // Nothing missing: the last one is fetched anew, because a request asks for one at least.
    const isFull = this.#tasks.length >= AT_HAND;
    const last = isFull ? this.#tasks.at(-1)?.item_id : undefined;
    const reply = await fetchNext({
      count: Math.max(1, AT_HAND - this.#tasks.length),
      skip: [],
      holding: [...new Set([...own, ...foreign])].filter((id) => id !== last).slice(0, MAX_NAMED),
    });
    if (last !== undefined) {
      this.#tasks = this.#tasks.filter((task) => task.item_id !== last);
    }
    // Asked again, because much may have been said while the request was on its way.
    const known = new Set([
      ...this.#tasks.map((task) => task.item_id),
      ...this.busy(),
      ...foreign,
    ]);
    this.#tasks.push(...reply.tasks.filter((task) => !known.has(task.item_id)));
    this.#renewedAt = Date.now();
    this.announce();
    return reply;
  }
}
