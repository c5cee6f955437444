// Judgments that the server has not acknowledged yet: kept in the browser, sent in order, once.
// Each keeps its idempotency key, so sending it again after a lost reply changes nothing.
import { Unreachable } from "./api";
import type { Judgment } from "./types";

interface Entry {
  sequence: number;
  judgment: Judgment;
}

export class Outbox {
  #prefix: string;
  #storage: Storage;
  #send: (judgment: Judgment) => Promise<unknown>;
  #sending: Promise<void> | null = null;

  /** One labeller's outbox: another person at the same browser has another one. */
  constructor(
    owner: string,
    storage: Storage,
    send: (judgment: Judgment) => Promise<unknown>,
  ) {
    this.#prefix = `rather.outbox.${owner}.`;
    this.#storage = storage;
    this.#send = send;
  }

  get size(): number {
    return this.#entries().length;
  }

  /** Keeps a judgment until the server has it. One entry a key, so that two tabs do not clash. */
  add(judgment: Judgment): void {
    const last = this.#entries().at(-1);
    const entry: Entry = { sequence: (last?.sequence ?? 0) + 1, judgment };
    this.#storage.setItem(this.#prefix + judgment.idempotency_key, JSON.stringify(entry));
  }

  /** Sends everything in order; throws Unreachable (all kept) or Refused (that one is dropped). */
  flush(): Promise<void> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null;
    });
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    for (let entry = this.#entries()[0]; entry !== undefined; entry = this.#entries()[0]) {
      const key = this.#prefix + entry.judgment.idempotency_key;
      try {
        await this.#send(entry.judgment);
      } catch (error) {
        if (!(error instanceof Unreachable) && !isSessionOver(error)) {
          this.#storage.removeItem(key);
        }
        throw error;
      }
      this.#storage.removeItem(key);
    }
  }

  #entries(): Entry[] {
    const keys = Object.keys(this.#storage).filter((key) => key.startsWith(this.#prefix));
    const entries = keys.map((key) => JSON.parse(this.#storage.getItem(key) ?? "null") as Entry);
    return entries.sort((one, other) => one.sequence - other.sequence);
  }
}

/** A new link mends this, so what waits must go on waiting. */
export function isSessionOver(error: unknown): boolean {
  return error instanceof Error && "status" in error && error.status === 401;
}

/** Milliseconds to wait before try number `tries` (from 1): 1, 2, 4, 8, then 15 seconds. */
export function backoff(tries: number): number {
  return Math.min(1000 * 2 ** (tries - 1), 15_000);
}

/** A fresh idempotency key; crypto.randomUUID exists only on https and on this machine. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
