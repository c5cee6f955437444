// Which tasks the other tabs of this labeller have, so that no two tabs ask the same thing.
import { newKey } from "./ids";
import { readJson, type Shelf } from "./storage";

interface Held {
  ids: string[];
  at: number;
}

/** A background tab may say that it lives only once a minute. */
const LIFE_MS = 90_000;
const PULSE_MS = 10_000;

export class Tabs {
  readonly #self: string;
  readonly #prefix: string;
  #ids: readonly string[] = [];
  #pulse: ReturnType<typeof setInterval> | null = null;
  readonly #leave = () => this.shelf.remove(this.#self);

  constructor(
    owner: string,
    private readonly shelf: Shelf,
  ) {
    this.#prefix = `rather.held.${owner}.`;
    this.#self = this.#prefix + newKey();
    globalThis.addEventListener?.("pagehide", this.#leave);
  }

  /** Says what this tab has, and goes on saying so. */
  hold(ids: readonly string[]): void {
    this.#ids = ids;
    this.#say();
    this.#pulse ??= setInterval(() => this.#say(), PULSE_MS);
  }

  /** What the others have. */
  others(): string[] {
    const found: string[] = [];
    for (const key of this.shelf.keys(this.#prefix)) {
      const held = readJson<Held>(this.shelf, key);
      if (!held || held.at < Date.now() - LIFE_MS) {
        this.shelf.remove(key);
      } else if (key !== this.#self) {
        found.push(...held.ids);
      }
    }
    return found;
  }

  stop(): void {
    if (this.#pulse !== null) {
      clearInterval(this.#pulse);
    }
    globalThis.removeEventListener?.("pagehide", this.#leave);
    this.#leave();
  }

  #say(): void {
    const held: Held = { ids: [...this.#ids], at: Date.now() };
    this.shelf.set(this.#self, JSON.stringify(held));
  }
}
