// The desk: at once here, later at the server, once and in order.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { PairSaid } from "../src/contract";
import { Desk } from "../src/engine/desk";
import { type Shelf, Full, MemoryShelf } from "../src/engine/storage";
import { FakeServer, sharedLocks } from "./fake";

const A: PairSaid = { kind: "pair", choice: "A", strength: null, dimensions: {} };
const B: PairSaid = { ...A, choice: "B" };

let server: FakeServer;
let shelf: Shelf;
let desks: Desk[];
let alone = sharedLocks();

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer(30);
  server.install();
  shelf = new MemoryShelf();
  alone = sharedLocks();
  desks = [];
});
afterEach(() => {
  for (const desk of desks) {
    desk.stop();
  }
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function open(): Promise<Desk> {
  const desk = new Desk(shelf, alone);
  desks.push(desk);
  void desk.start();
  await vi.advanceTimersByTimeAsync(10);
  return desk;
}

/** Long enough for the advance, not for a toast to go. */
async function beat(): Promise<void> {
  await vi.advanceTimersByTimeAsync(400);
}

function judge(desk: Desk, said = A, comment = ""): boolean {
  return desk.judge(desk.state.showing, said, comment);
}

test("a choice is seen at once, saved, and the next task is there after 350 ms", async () => {
  const desk = await open();
  expect(desk.state.task?.item_id).toBe("i1");
  expect(judge(desk)).toBe(true);
  expect(desk.state.said).toEqual(A);
  expect(desk.state.progress?.done).toBe(1);
  await vi.advanceTimersByTimeAsync(349);
  expect(desk.state.task?.item_id).toBe("i1");
  await vi.advanceTimersByTimeAsync(2);
  expect(desk.state.task?.item_id).toBe("i2");
  expect(desk.state.toast).toEqual({ key: expect.any(String), text: "Saved", canUndo: true });
  expect(server.log).toEqual(["judge i1"]);
});

test("a second press, and one meant for another showing, are not taken", async () => {
  const desk = await open();
  expect(judge(desk)).toBe(true);
  expect(judge(desk, B)).toBe(false);
  await beat();
  expect(desk.judge(desk.state.showing - 1, B)).toBe(false);
  expect(server.log).toEqual(["judge i1"]);
});

test("ten minutes without a network: all that was loaded can be done, and arrives once in order", async () => {
  const desk = await open();
  server.isReachable = false;
  for (let count = 0; count < 10; count++) {
    expect(judge(desk, count % 2 ? B : A)).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
  }
  expect(desk.state.task).toBeNull();
  expect(desk.state.isWaiting).toBe(true);
  expect(desk.state.waiting).toBe(10);
  expect(desk.state.trouble).toContain("10 answers are kept in this browser");
  expect(desk.state.progress?.done).toBe(10);
  server.isReachable = true;
  await vi.advanceTimersByTimeAsync(16_000);
  expect(server.log).toEqual(["i1", "i2", "i3", "i4", "i5", "i6", "i7", "i8", "i9", "i10"].map((id) => `judge ${id}`));
  expect(desk.state.task?.item_id).toBe("i11");
  expect(desk.state.trouble).toBeNull();
  expect(desk.state.progress?.done).toBe(10);
});

test("a lost reply changes nothing: the same key is sent again", async () => {
  const desk = await open();
  server.losesReplies = 1;
  judge(desk);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(server.log).toEqual(["judge i1"]);
  expect(server.judged.size).toBe(1);
  expect(desk.state.waiting).toBe(0);
});

test("undo during the advance stays on the task", async () => {
  const desk = await open();
  judge(desk);
  await desk.undo();
  await beat();
  expect(desk.state.task?.item_id).toBe("i1");
  expect(desk.state.said).toBeNull();
  expect(desk.state.progress?.done).toBe(0);
  expect(server.judged.size).toBe(0);
});

test("undo goes back through what was done here, and the tasks come again in order", async () => {
  const desk = await open();
  judge(desk);
  await beat();
  judge(desk, B, "because");
  await beat();
  await desk.undo();
  expect(desk.state.task?.item_id).toBe("i2");
  expect(desk.draft().comment).toBe("because");
  await desk.undo();
  expect(desk.state.task?.item_id).toBe("i1");
  judge(desk);
  await beat();
  expect(desk.state.task?.item_id).toBe("i2");
  await beat();
  expect(server.log).toEqual(["judge i1", "judge i2", "undo i2", "undo i1", "judge i1"]);
});

test("undo without a network removes what never left", async () => {
  const desk = await open();
  server.isReachable = false;
  judge(desk);
  await beat();
  judge(desk, B);
  await beat();
  await desk.undo();
  expect(desk.state.task?.item_id).toBe("i2");
  server.isReachable = true;
  await vi.advanceTimersByTimeAsync(16_000);
  expect(server.log).toEqual(["judge i1"]);
});

test("undo while waiting for the server at the end of what was loaded", async () => {
  const desk = await open();
  server.isReachable = false;
  for (let count = 0; count < 10; count++) {
    judge(desk);
    await beat();
  }
  expect(desk.state.task).toBeNull();
  await desk.undo();
  expect(desk.state.task?.item_id).toBe("i10");
  server.isReachable = true;
  await vi.advanceTimersByTimeAsync(16_000);
  expect(desk.state.task?.item_id).toBe("i10");
  expect(server.judged.size).toBe(9);
});

test("undo after a reload asks the server for the last one", async () => {
  const before = await open();
  judge(before);
  await beat();
  before.stop();
  const desk = await open();
  await desk.undo();
  expect(desk.state.task?.item_id).toBe("i1");
  expect(server.log).toEqual(["judge i1", "undo i1"]);
});

test("skip and flag go through the same outbox, and are taken back by name", async () => {
  const desk = await open();
  desk.remark("skip", "too_hard");
  await beat();
  expect(desk.state.task?.item_id).toBe("i2");
  desk.remark("flag", "broken", "no prompt");
  await beat();
  await desk.undo();
  await beat();
  expect(desk.state.task?.item_id).toBe("i2");
  expect(server.log.slice(0, 2)).toEqual(["skip i1", "flag i2"]);
  expect(server.log[2]).toMatch(/^withdraw [0-9a-f]{32}$/);
});

test("a judgment that is refused is told, kept, counted no more, and cannot be undone", async () => {
  const desk = await open();
  server.refusals = [409];
  judge(desk, B, "a long reason");
  await beat();
  expect(desk.state.returned.map((one) => one.message)).toEqual(["No: 409."]);
  expect(JSON.stringify(desk.state.returned)).toContain("a long reason");
  expect(desk.state.progress?.done).toBe(0);
  expect(desk.state.toast).toBeNull();
  desk.dismissReturned(desk.state.returned[0]?.key ?? "");
  expect(desk.state.returned).toEqual([]);
});

test("a session that is over says so and keeps what waits", async () => {
  const desk = await open();
  server.isOver = true;
  judge(desk);
  await beat();
  expect(desk.state.phase).toBe("signed_out");
  expect(shelf.keys("rather.outbox.ann.").length).toBe(1);
  desk.stop();
  server.isOver = false;
  const after = await open();
  await beat();
  expect(server.log).toEqual(["judge i1"]);
  expect(after.state.waiting).toBe(0);
});

test("a draft is kept here at once, at the server within two seconds, and comes back", async () => {
  const desk = await open();
  desk.keepDraft({ text: "half", comment: "", place: 1 });
  desk.keepDraft({ text: "half an answer", comment: "", place: 1 });
  expect(server.drafts.size).toBe(0);
  await vi.advanceTimersByTimeAsync(2_100);
  expect(server.drafts.get("i1")).toEqual({ draft: { text: "half an answer", comment: "" } });
  desk.stop();
  const after = await open();
  expect(after.draft()).toEqual({ text: "half an answer", comment: "", place: 1 });
  judge(after);
  await beat();
  expect(shelf.keys("rather.draft.").length).toBe(0);
});

test("two tabs hold different tasks and deliver each judgment once", async () => {
  const [one, other] = [await open(), await open()];
  expect(one.state.task?.item_id).toBe("i1");
  expect(other.state.task?.item_id).toBe("i11");
  server.isReachable = false;
  judge(one);
  judge(other, B);
  await beat();
  server.isReachable = true;
  await vi.advanceTimersByTimeAsync(16_000);
  expect([...server.log].sort()).toEqual(["judge i1", "judge i11"]);
  expect(one.state.task?.item_id).toBe("i2");
  expect(other.state.task?.item_id).toBe("i12");
});

test("at the end it looks again after a while", async () => {
  server.items.splice(1);
  const desk = await open();
  judge(desk);
  await beat();
  expect(desk.state.task).toBeNull();
  expect(desk.state.isWaiting).toBe(false);
  server.items.push("late");
  await vi.advanceTimersByTimeAsync(31_000);
  expect(desk.state.task?.item_id).toBe("late");
});

test("a browser without room says so, and the task stays", async () => {
  const desk = await open();
  vi.spyOn(shelf, "set").mockImplementation(() => {
    throw new Full("quota");
  });
  expect(judge(desk)).toBe(false);
  expect(desk.state.toast?.text).toContain("no room left");
  expect(desk.state.task?.item_id).toBe("i1");
  vi.restoreAllMocks();
});

test("only time in sight counts as reading", async () => {
  const desk = await open();
  await vi.advanceTimersByTimeAsync(3_000);
  desk.setVisible(false);
  await vi.advanceTimersByTimeAsync(60_000);
  desk.setVisible(true);
  await vi.advanceTimersByTimeAsync(2_000);
  judge(desk);
  await beat();
  const [judgment] = server.judged.values();
  expect(judgment?.ms_to_decision).toBe(5_010); // 10 in opening, then 3,000 and 2,000
});

test("what lies idle is renewed before its lease runs out", async () => {
  await open();
  const asked = () => server.requests.filter((one) => one.includes("/api/next")).length;
  expect(asked()).toBe(1);
  await vi.advanceTimersByTimeAsync(6 * 60_000);
  expect(asked()).toBe(2);
  expect(server.requests.at(-1)).toMatch(/&holding=i1$/);
});
