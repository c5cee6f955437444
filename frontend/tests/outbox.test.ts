// What was done arrives once, in order, whatever the network does.
import { beforeEach, expect, test } from "vitest";
import { Refused, Unreachable } from "../src/api";
import { backoff } from "../src/engine/courier";
import { newKey } from "../src/engine/ids";
import { Outbox, type Parcel } from "../src/engine/outbox";
import { MemoryShelf } from "../src/engine/storage";
import { sharedLocks } from "./fake";

function judgment(key: string): Parcel {
  return {
    what: "judgment",
    body: {
      item_id: `item-${key}`,
      said: { kind: "thumb", is_good: true },
      ms_to_decision: 1200,
      idempotency_key: key,
      guidelines_hash: "",
    },
  };
}

let arrived: string[];
let answers: (Error | null)[];
let shelf: MemoryShelf;

beforeEach(() => {
  arrived = [];
  answers = [];
  shelf = new MemoryShelf();
});

async function send(parcel: Parcel): Promise<void> {
  const error = answers.shift() ?? null;
  if (error) {
    throw error;
  }
  arrived.push(parcel.what === "judgment" ? parcel.body.idempotency_key : parcel.what);
}

function outboxOf(owner = "ann", alone = sharedLocks()): Outbox {
  return new Outbox(owner, shelf, alone, send);
}
const ignore = () => undefined;

test("they arrive in the order they were made", async () => {
  const outbox = outboxOf();
  for (const key of ["z", "a", "m"]) {
    outbox.put(judgment(key));
  }
  await outbox.flush(ignore);
  expect(arrived).toEqual(["z", "a", "m"]);
  expect(outbox.size).toBe(0);
});

test("without an answer all are kept, with the same key", async () => {
  const outbox = outboxOf();
  outbox.put(judgment("first"));
  outbox.put(judgment("second"));
  answers = [null, new Unreachable("gone")];
  await expect(outbox.flush(ignore)).rejects.toThrow(Unreachable);
  expect(outbox.size).toBe(1);
  await outbox.flush(ignore);
  expect(arrived).toEqual(["first", "second"]);
});

test("a refused one is put aside with what was written, the next ones go on", async () => {
  const outbox = outboxOf();
  outbox.put(judgment("first"));
  outbox.put(judgment("second"));
  answers = [new Refused(409, "already_judged", "You have judged this already.")];
  await outbox.flush(ignore);
  expect(arrived).toEqual(["second"]);
  expect(outbox.returned()).toEqual([
    { key: "first", parcel: judgment("first"), message: "You have judged this already." },
  ]);
  outbox.dismiss("first");
  expect(outbox.returned()).toEqual([]);
});

test("one the server breaks over five times is put aside, and holds nothing up", async () => {
  const outbox = outboxOf();
  outbox.put(judgment("first"));
  outbox.put(judgment("second"));
  answers = Array.from({ length: 5 }, () => new Unreachable("broke", 500));
  for (let tries = 0; tries < 5; tries++) {
    await expect(outbox.flush(ignore)).rejects.toThrow(Unreachable);
  }
  await outbox.flush(ignore);
  expect(arrived).toEqual(["second"]);
  expect(outbox.returned().map((one) => one.key)).toEqual(["first"]);
});

test("a session that is over loses nothing", async () => {
  const outbox = outboxOf();
  outbox.put(judgment("first"));
  answers = [new Refused(401, "not_logged_in", "Log in.")];
  await expect(outbox.flush(ignore)).rejects.toThrow("Log in.");
  expect(outbox.size).toBe(1);
});

test("it survives a reload and is nobody else's", async () => {
  outboxOf("ann").put(judgment("first"));
  expect(outboxOf("bob").size).toBe(0);
  await outboxOf("ann").flush(ignore);
  expect(arrived).toEqual(["first"]);
});

test("two tabs that flush at once send each once, in order", async () => {
  const alone = sharedLocks();
  const [one, other] = [outboxOf("ann", alone), outboxOf("ann", alone)];
  one.put(judgment("first"));
  other.put(judgment("second"));
  one.put(judgment("third"));
  await Promise.all([one.flush(ignore), other.flush(ignore), one.flush(ignore)]);
  expect(arrived).toEqual(["first", "second", "third"]);
});

test("taking back what never left removes it", async () => {
  const outbox = outboxOf();
  outbox.put(judgment("first"));
  expect(await outbox.takeBack("judgment", "first")).toBe(true);
  await outbox.flush(ignore);
  expect(arrived).toEqual([]);
});

test("taking back what may have arrived sends an undo after it", async () => {
  const outbox = outboxOf();
  outbox.put(judgment("first"));
  answers = [new Unreachable("gone")];
  await expect(outbox.flush(ignore)).rejects.toThrow(Unreachable);
  expect(await outbox.takeBack("judgment", "first")).toBe(false);
  await outbox.flush(ignore);
  expect(arrived).toEqual(["first", "undo"]);
});

test("a draft takes the place of the one before, and goes when its item is judged", async () => {
  const outbox = outboxOf();
  const draft = (text: string): Parcel => ({
    what: "draft",
    itemId: "item-a",
    body: { draft: { text, comment: "" } },
  });
  outbox.put(draft("w"));
  outbox.put(draft("write"));
  expect(outbox.parcels()).toEqual([draft("write")]);
  expect(outbox.size).toBe(0);
  outbox.put(judgment("a"));
  expect(outbox.parcels()).toEqual([judgment("a")]);
});

test("a draft that grew while it was sent is sent again", async () => {
  const outbox = new Outbox("ann", shelf, sharedLocks(), async (parcel) => {
    if (parcel.what === "draft") {
      arrived.push(parcel.body.draft.text);
      if (arrived.length === 1) {
        outbox.put({ ...parcel, body: { draft: { text: "longer", comment: "" } } });
      }
    }
  });
  outbox.put({ what: "draft", itemId: "i", body: { draft: { text: "short", comment: "" } } });
  await outbox.flush(ignore);
  expect(arrived).toEqual(["short", "longer"]);
});

test("waiting grows to fifteen seconds", () => {
  expect([1, 2, 3, 4, 5, 9].map(backoff)).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000]);
});

test("keys are long and new each time", () => {
  expect(newKey()).toMatch(/^[0-9a-f]{32}$/);
  expect(newKey()).not.toBe(newKey());
});
