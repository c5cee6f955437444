// One tab at a time, also where the browser has no locks.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { leaseIn, pause } from "../src/engine/lock";
import { MemoryShelf } from "../src/engine/storage";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("two tabs take turns", async () => {
  const shelf = new MemoryShelf();
  const [one, other] = [leaseIn(shelf), leaseIn(shelf)];
  const events: string[] = [];
  const work = (name: string) => async () => {
    events.push(`${name} in`);
    await pause(1000);
    events.push(`${name} out`);
  };
  const both = Promise.all([one("x", work("a")), other("x", work("b")), one("x", work("c"))]);
  await vi.advanceTimersByTimeAsync(20_000);
  await both;
  expect(events.filter((_, place) => place % 2 === 0).length).toBe(3);
  // Whoever is in goes out before the next comes in.
  for (let place = 0; place < events.length; place += 2) {
    expect(events[place + 1]).toBe(events[place]?.replace("in", "out"));
  }
});

test("a tab that died is waited for no longer than its lease", async () => {
  const shelf = new MemoryShelf();
  shelf.set("rather.lock.x", JSON.stringify({ holder: "dead", until: Date.now() + 15_000 }));
  let isIn = false;
  const work = leaseIn(shelf)("x", async () => {
    isIn = true;
  });
  await vi.advanceTimersByTimeAsync(14_000);
  expect(isIn).toBe(false);
  await vi.advanceTimersByTimeAsync(2_000);
  await work;
  expect(isIn).toBe(true);
});

test("a task that fails lets the next one in", async () => {
  const alone = leaseIn(new MemoryShelf());
  const failed = alone("x", async () => {
    throw new Error("broke");
  });
  const after = alone("x", async () => "done");
  const both = Promise.allSettled([failed, after]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect((await both).map((one) => one.status)).toEqual(["rejected", "fulfilled"]);
});
