// What this browser keeps for us: localStorage where it works, else memory until the page closes.

/** The few things that are asked of a storage; a test has its own. */
export interface Shelf {
  get(key: string): string | null;
  /** Throws Full where there is no room. */
  set(key: string, value: string): void;
  remove(key: string): void;
  keys(prefix: string): string[];
}

export class Full extends Error {}

class BrowserShelf implements Shelf {
  constructor(private readonly storage: Storage) {}

  get(key: string): string | null {
    return this.storage.getItem(key);
  }

  set(key: string, value: string): void {
    try {
      this.storage.setItem(key, value);
    } catch (error) {
      throw new Full(error instanceof Error ? error.message : String(error));
    }
  }

  remove(key: string): void {
    this.storage.removeItem(key);
  }

  keys(prefix: string): string[] {
    const found: string[] = [];
    for (let place = 0; place < this.storage.length; place++) {
      const key = this.storage.key(place);
      if (key?.startsWith(prefix)) {
        found.push(key);
      }
    }
    return found;
  }
}

export class MemoryShelf implements Shelf {
  readonly #kept = new Map<string, string>();

  get(key: string): string | null {
    return this.#kept.get(key) ?? null;
  }

  set(key: string, value: string): void {
    this.#kept.set(key, value);
  }

  remove(key: string): void {
    this.#kept.delete(key);
  }

  keys(prefix: string): string[] {
    return [...this.#kept.keys()].filter((key) => key.startsWith(prefix));
  }
}

/** Browsers that forbid storage throw on the first touch, some only on writing. */
function open(): { shelf: Shelf; isLasting: boolean } {
  const probe = "rather.probe";
  try {
    const shelf = new BrowserShelf(window.localStorage);
    shelf.set(probe, "1");
    shelf.remove(probe);
    return { shelf, isLasting: true };
  } catch {
    return { shelf: new MemoryShelf(), isLasting: false };
  }
}

let opened: { shelf: Shelf; isLasting: boolean } | null = null;

/** The one shelf of this page. */
export function openShelf(): { shelf: Shelf; isLasting: boolean } {
  opened ??= open();
  return opened;
}

/** What is kept under a key as JSON; null where there is nothing, or nothing that can be read. */
export function readJson<T>(shelf: Shelf, key: string): T | null {
  try {
    return JSON.parse(shelf.get(key) ?? "null") as T | null;
  } catch {
    return null;
  }
}
