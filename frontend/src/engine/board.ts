// The one place where the state is kept, told to whoever listens.
import { isSessionOver, Refused, Unreachable } from "../api";
import { messages } from "../messages";
import { backoff } from "./courier";
import { pause } from "./lock";
import { AT_FIRST, type DeskState } from "./state";

const TOAST_MS = 5000;

export class Board {
  state: DeskState = AT_FIRST;
  readonly #listeners = new Set<() => void>();
  #toastEnd: ReturnType<typeof setTimeout> | undefined;

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(change: Partial<DeskState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.#listeners) {
      listener();
    }
  }

  /** Says something for five seconds; `key` names the parcel whose fate is still open. */
  toast(text: string, key: string | null = null): void {
    clearTimeout(this.#toastEnd);
    this.set({ toast: { key, text, canUndo: key !== null } });
    this.#toastEnd = setTimeout(() => this.set({ toast: null }), TOAST_MS);
  }

  /** Tries until there is an answer, saying so meanwhile; null when the session is over. */
  async insist<T>(task: () => Promise<T>): Promise<T | null> {
    for (let tries = 1; ; tries++) {
      try {
        const result = await task();
        this.set({ trouble: null });
        return result;
      } catch (error) {
        if (isSessionOver(error)) {
          this.set({ phase: "signed_out" });
          return null;
        }
        if (error instanceof Unreachable) {
          this.unreachable(error);
          await comeback(error.retryAfterMs ?? backoff(tries));
        } else {
          this.broken(error);
          await pause(backoff(Math.max(tries, 4)));
        }
      }
    }
  }

  unreachable(error: Unreachable): void {
    this.set({ trouble: messages.trouble.waiting(error.message, this.state.waiting) });
  }

  /** Says why something could not be done. */
  tell(error: unknown): void {
    if (isSessionOver(error)) {
      this.set({ phase: "signed_out" });
    } else if (error instanceof Refused || error instanceof Unreachable) {
      this.toast(error.message);
    } else {
      this.broken(error);
    }
  }

  /** Whatever was not foreseen is shown, never swallowed. */
  broken(error: unknown): void {
    this.set({ trouble: messages.trouble.broken(error) });
  }

  stop(): void {
    clearTimeout(this.#toastEnd);
    this.#listeners.clear();
  }
}

/** Waits, but not longer than until the network is back. */
function comeback(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    globalThis.addEventListener?.("online", done);
  });
}
