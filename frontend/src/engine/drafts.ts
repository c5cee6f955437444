// What was begun and not sent: kept here at every keystroke, on the server every two seconds.
import type { Draft, Task } from "../contract";
import type { Outbox } from "./outbox";
import { readJson, type Shelf } from "./storage";

/** `place` is the answer that is being edited; the server needs to know it only when it is sent. */
export interface LocalDraft extends Draft {
  place: number;
}

export const NO_DRAFT: LocalDraft = { text: "", comment: "", place: 0 };
const SERVER_EVERY_MS = 2000;

export class Drafts {
  readonly #prefix: string;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(
    owner: string,
    private readonly shelf: Shelf,
    private readonly outbox: Outbox,
    private readonly kick: () => void,
  ) {
    this.#prefix = `rather.draft.${owner}.`;
  }

  /** What was begun about a task: here, else on another machine. */
  of(task: Task): LocalDraft {
    const local = readJson<LocalDraft>(this.shelf, this.#prefix + task.item_id);
    return local ?? { ...NO_DRAFT, ...task.draft };
  }

  /** Keeps it here at once; the server hears within two seconds. Throws Full. */
  keep(itemId: string, draft: LocalDraft): void {
    this.shelf.set(this.#prefix + itemId, JSON.stringify(draft));
    if (!this.#timers.has(itemId)) {
      this.#timers.set(itemId, setTimeout(() => this.#tell(itemId), SERVER_EVERY_MS));
    }
  }

  /** It was sent, or given up. */
  forget(itemId: string): void {
    this.shelf.remove(this.#prefix + itemId);
    const timer = this.#timers.get(itemId);
    if (timer !== undefined) {
      clearTimeout(timer);
      this.#timers.delete(itemId);
    }
  }

  #tell(itemId: string): void {
    this.#timers.delete(itemId);
    const draft = readJson<LocalDraft>(this.shelf, this.#prefix + itemId);
    if (draft) {
      const { text, comment } = draft;
      this.outbox.put({ what: "draft", itemId, body: { draft: { text, comment } } });
      this.kick();
    }
  }
}
