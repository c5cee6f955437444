// Judgments arrive once, in order, whatever the network does.
import { beforeEach, expect, test } from "vitest";
import { Refused, Unreachable } from "../src/api";
import { backoff, newKey, Outbox } from "../src/outbox";
import type { Judgment } from "../src/types";

/** The parts of localStorage that are used; entries are own properties there too. */
function storage(): Storage {
  const kept: Record<string, string> = {};
  const hidden = (value: unknown) => ({ value, enumerable: false });
  Object.defineProperties(kept, {
    getItem: hidden((key: string) => kept[key] ?? null),
    setItem: hidden((key: string, value: string) => {
      kept[key] = value;
    }),
    removeItem: hidden((key: string) => delete kept[key]),
  });
  return kept as unknown as Storage;
}

function judgment(key: string): Judgment {
  return {
    item_id: "abc",
    choice: "A",
    ms_to_decision: 1200,
    idempotency_key: key,
    guidelines_hash: "",
  };
}

let arrived: string[];
let answers: (Error | null)[];

beforeEach(() => {
  arrived = [];
  answers = [];
});

async function send(one: Judgment): Promise<void> {
  const error = answers.shift() ?? null;
  if (error) {
    throw error;
  }
  arrived.push(one.idempotency_key);
}

test("they arrive in the order they were made", async () => {
  const outbox = new Outbox("ann", storage(), send);
  for (const key of ["z", "a", "m"]) {
    outbox.add(judgment(key));
  }
  await outbox.flush();
  expect(arrived).toEqual(["z", "a", "m"]);
  expect(outbox.size).toBe(0);
});

test("without an answer all are kept, with the same key", async () => {
  const outbox = new Outbox("ann", storage(), send);
  outbox.add(judgment("first"));
  outbox.add(judgment("second"));
  answers = [null, new Unreachable("gone")];
  await expect(outbox.flush()).rejects.toThrow(Unreachable);
  expect(outbox.size).toBe(1);
  await outbox.flush();
  expect(arrived).toEqual(["first", "second"]);
});

test("a refused one is dropped, the next ones go on", async () => {
  const outbox = new Outbox("ann", storage(), send);
  outbox.add(judgment("first"));
  outbox.add(judgment("second"));
  answers = [new Refused(409, "already_judged", "You have judged this pair already.")];
  await expect(outbox.flush()).rejects.toThrow("You have judged this pair already.");
  await outbox.flush();
  expect(arrived).toEqual(["second"]);
});

test("a session that is over loses nothing", async () => {
  const outbox = new Outbox("ann", storage(), send);
  outbox.add(judgment("first"));
  answers = [new Refused(401, "not_logged_in", "Log in.")];
  await expect(outbox.flush()).rejects.toThrow("Log in.");
  expect(outbox.size).toBe(1);
});

test("it survives a reload and is nobody else's", async () => {
  const kept = storage();
  new Outbox("ann", kept, send).add(judgment("first"));
  expect(new Outbox("bob", kept, send).size).toBe(0);
  await new Outbox("ann", kept, send).flush();
  expect(arrived).toEqual(["first"]);
});

test("two flushes at once send once", async () => {
  const outbox = new Outbox("ann", storage(), send);
  outbox.add(judgment("first"));
  await Promise.all([outbox.flush(), outbox.flush()]);
  expect(arrived).toEqual(["first"]);
});

test("waiting grows to fifteen seconds", () => {
  expect([1, 2, 3, 4, 5, 9].map(backoff)).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000]);
});

test("keys are long and new each time", () => {
  expect(newKey()).toMatch(/^[0-9a-f]{32}$/);
  expect(newKey()).not.toBe(newKey());
});
