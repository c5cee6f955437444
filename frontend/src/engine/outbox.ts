// What the server has not acknowledged yet: kept in the browser, sent in order, once.
// Each entry keeps its idempotency key, so sending it again after a lost reply changes nothing.
import type {
  DraftRequest,
  JudgmentRequest,
  RemarkRequest,
  UndoRequest,
  WithdrawalRequest,
} from "../contract";
import { isSessionOver, Refused, Unreachable } from "../api";
import { newKey } from "./ids";
import type { Alone } from "./lock";
import { readJson, type Shelf } from "./storage";

/** Something to tell the server. */
export type Parcel =
  | { what: "judgment"; body: JudgmentRequest }
  | { what: "undo"; body: UndoRequest }
  | { what: "remark"; body: RemarkRequest }
  | { what: "withdrawal"; body: WithdrawalRequest }
  | { what: "draft"; itemId: string; body: DraftRequest };

interface Entry {
  sequence: number;
  parcel: Parcel;
  /** Whether a try was made: the server may have it although no reply came. */
  isTried: boolean;
  /** Times the server broke over it (500). */
  faults: number;
}

/** A parcel the server would not take, kept until its author has seen it. */
export interface Returned {
  key: string;
  parcel: Parcel;
  message: string;
}

/** After so many 500s one entry is put aside, or it would hold up all that follow. */
const MAX_FAULTS = 5;

export class Outbox {
  readonly #prefix: string;
  readonly #aside: string;

  /** One labeller's outbox: another person at the same browser has another one. */
  constructor(
    private readonly owner: string,
    private readonly shelf: Shelf,
    private readonly alone: Alone,
    private readonly send: (parcel: Parcel) => Promise<unknown>,
  ) {
    this.#prefix = `rather.outbox.${owner}.`;
    this.#aside = `rather.returned.${owner}.`;
  }

  /** In the order they will be sent. */
  parcels(): Parcel[] {
    return this.#entries().map(([, entry]) => entry.parcel);
  }

  /** What waits, drafts not counted: nobody misses those. */
  get size(): number {
    return this.parcels().filter((parcel) => parcel.what !== "draft").length;
  }

  has(key: string): boolean {
    return this.shelf.get(this.#prefix + key) !== null;
  }

  /** Keeps a parcel until the server has it. One key each, so that two tabs do not clash. */
  put(parcel: Parcel): void {
    const key = this.#prefix + nameOf(parcel);
    const sequence = (this.#entries().at(-1)?.[1].sequence ?? 0) + 1;
    this.#write(key, { sequence, parcel, isTried: false, faults: 0 });
    if (parcel.what === "judgment" || parcel.what === "remark") {
      this.shelf.remove(`${this.#prefix}draft.${parcel.body.item_id}`);
    }
  }

  /**
   * Takes a judgment or remark back: one that never left is removed (true), else its undoing
   * follows it.
   */
  takeBack(what: "judgment" | "remark", key: string): Promise<boolean> {
    return this.#editing(async () => {
      const entry = readJson<Entry>(this.shelf, this.#prefix + key);
      if (entry && !entry.isTried) {
        this.shelf.remove(this.#prefix + key);
        return true;
      }
      const idempotency_key = newKey();
      this.put(
        what === "judgment"
          ? { what: "undo", body: { judgment_key: key, idempotency_key } }
          : { what: "withdrawal", body: { remark_key: key, idempotency_key } },
      );
      return false;
    });
  }

  /** Sends everything in order; throws Unreachable or a 401, all kept. Refused ones are put aside. */
  flush(delivered: (parcel: Parcel, reply: unknown) => void): Promise<void> {
    return this.alone(`outbox.${this.owner}`, async () => {
      for (let key = await this.#begin(); key !== null; key = await this.#begin()) {
        await this.#deliver(key, delivered);
      }
    });
  }

  returned(): Returned[] {
    return this.shelf
      .keys(this.#aside)
      .map((key) => readJson<Returned>(this.shelf, key))
      .filter((one) => one !== null);
  }

  /** Its author has seen it and needs it no more. */
  dismiss(key: string): void {
    this.shelf.remove(this.#aside + key);
  }

  /** Marks the first entry as tried, in one step with whoever would take it back. */
  #begin(): Promise<string | null> {
    return this.#editing(async () => {
      const first = this.#entries()[0];
      if (!first) {
        return null;
      }
      const [key, entry] = first;
      if (!entry.isTried) {
        this.#write(key, { ...entry, isTried: true });
      }
      return key;
    });
  }

  async #deliver(key: string, delivered: (parcel: Parcel, reply: unknown) => void): Promise<void> {
    const sent = this.shelf.get(key);
    const entry = readJson<Entry>(this.shelf, key);
    if (!entry) {
      return;
    }
    try {
      const reply = await this.send(entry.parcel);
      this.#drop(key, sent);
      delivered(entry.parcel, reply);
    } catch (error) {
      if (isSessionOver(error)) {
        throw error;
      }
      if (error instanceof Unreachable) {
        this.#countFault(key, entry, error);
        throw error;
      }
      this.#putAside(key, entry.parcel, error);
    }
  }

  #countFault(key: string, entry: Entry, error: Unreachable): void {
    if (error.status !== 500) {
      return;
    }
    if (entry.faults + 1 >= MAX_FAULTS) {
      this.#putAside(key, entry.parcel, error);
    } else {
      this.#write(key, { ...entry, faults: entry.faults + 1 });
    }
  }

  #putAside(key: string, parcel: Parcel, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    // A draft stays with its task in this browser; nobody has to be told.
    if (parcel.what !== "draft") {
      const name = nameOf(parcel);
      const kept: Returned = { key: name, parcel, message };
      this.shelf.set(this.#aside + name, JSON.stringify(kept));
    }
    this.shelf.remove(key);
    if (!(error instanceof Refused) && !(error instanceof Unreachable)) {
      throw error;
    }
  }

  /** Removes what was sent, unless it was replaced meanwhile (a draft that grew). */
  #drop(key: string, sent: string | null): void {
    if (this.shelf.get(key) === sent) {
      this.shelf.remove(key);
    }
  }

  #entries(): [string, Entry][] {
    return this.shelf
      .keys(this.#prefix)
      .map((key): [string, Entry | null] => [key, readJson<Entry>(this.shelf, key)])
      .filter((pair): pair is [string, Entry] => pair[1] !== null)
      .sort(([a, one], [b, other]) => one.sequence - other.sequence || (a < b ? -1 : 1));
  }

  #write(key: string, entry: Entry): void {
    this.shelf.set(key, JSON.stringify(entry));
  }

  #editing<T>(task: () => Promise<T>): Promise<T> {
    return this.alone(`outbox.${this.owner}.edit`, task);
  }
}

function nameOf(parcel: Parcel): string {
  return parcel.what === "draft" ? `draft.${parcel.itemId}` : parcel.body.idempotency_key;
}
