// One tab at a time: the browser's own locks, or (plain http of another host) a lease in storage.
import { newKey } from "./ids";
import { readJson, type Shelf } from "./storage";

/** Runs the task while no other tab runs one under the same name; waits for its turn. */
export type Alone = <T>(name: string, task: () => Promise<T>) => Promise<T>;

const LEASE_MS = 15_000;
const RENEWAL_MS = 5_000;
const SETTLING_MS = 30;
const POLL_MS = 150;

/** The way of this browser. */
export function aloneIn(shelf: Shelf): Alone {
  const locks = typeof navigator === "undefined" ? undefined : navigator.locks;
  if (locks) {
    return <T>(name: string, task: () => Promise<T>) =>
      locks.request(`rather.${name}`, task) as Promise<T>;
  }
  return leaseIn(shelf);
}

interface Lease {
  holder: string;
  until: number;
}

/** A lease that runs out by itself when its tab dies. Good enough: keys make doubles harmless. */
export function leaseIn(shelf: Shelf): Alone {
  const self = newKey();
  const queues = new Map<string, Promise<unknown>>();

  async function acquire(key: string): Promise<void> {
    for (;;) {
      const lease = readJson<Lease>(shelf, key);
      if (!lease || lease.holder === self || lease.until < Date.now()) {
        renew(key);
        // Two tabs may have written at once: after a moment, one of them is there.
        await pause(SETTLING_MS);
        if (readJson<Lease>(shelf, key)?.holder === self) {
          return;
        }
      }
      await pause(POLL_MS);
    }
  }

  function renew(key: string): void {
    shelf.set(key, JSON.stringify({ holder: self, until: Date.now() + LEASE_MS }));
  }

  async function hold<T>(name: string, task: () => Promise<T>): Promise<T> {
    const key = `rather.lock.${name}`;
    await acquire(key);
    const renewal = setInterval(() => renew(key), RENEWAL_MS);
    try {
      return await task();
    } finally {
      clearInterval(renewal);
      shelf.remove(key);
    }
  }

  return <T>(name: string, task: () => Promise<T>): Promise<T> => {
    // Within this tab, turns are taken without the storage.
    const before = queues.get(name) ?? Promise.resolve();
    const mine = before.catch(() => undefined).then(() => hold(name, task));
    queues.set(name, mine.catch(() => undefined));
    return mine;
  };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
