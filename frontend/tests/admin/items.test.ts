// What was said in terms of the answers, settling by keys, what an export left out.
import { expect, test } from "vitest";
import { addressOf, filterOf, routeOf } from "../../src/admin/items/filter";
import { inWords } from "../../src/admin/items/inWords";
import { fileNameOf, leftOutLines } from "../../src/admin/items/leftOut";
import { tagOf } from "../../src/admin/items/List";
import { emptyOf, pressed, ranked, saidOf } from "../../src/admin/items/settling";
import type { Choice, Said } from "../../src/admin/types";

const ANSWERS = [{ completion_id: "c0" }, { completion_id: "c1" }, { completion_id: "c2" }];

function pair(choice: Choice, strength: number | null = null): Said {
  return { kind: "pair", choice, strength, dimensions: {} };
}

test("a choice names the item's answer, not the side it stood on", () => {
  expect(inWords({ said: pair("A"), shown: ["c0", "c1"] }, ANSWERS)).toBe("Answer 1 is better");
  expect(inWords({ said: pair("A"), shown: ["c1", "c0"] }, ANSWERS)).toBe("Answer 2 is better");
  expect(inWords({ said: pair("B", 3), shown: ["c1", "c0"] }, ANSWERS)).toBe(
    "Answer 1 is much better",
  );
  expect(inWords({ said: pair("tie"), shown: ["c1", "c0"] }, ANSWERS)).toBe("A tie");
  expect(inWords({ said: pair("both_bad"), shown: ["c1", "c0"] }, ANSWERS)).toBe("Both are bad");
  expect(inWords({ said: pair("A"), shown: ["gone", "c0"] }, ANSWERS)).toBe(
    "An answer that is not here is better",
  );
});

test("dimensions are told in the same terms", () => {
  const dimensions = { helpful: "B", harmless: "tie" } as const;
  const said: Said = { kind: "pair", choice: "A", strength: null, dimensions };
  expect(inWords({ said, shown: ["c1", "c0"] }, ANSWERS)).toBe(
    "Answer 2 is better; helpful: answer 1; harmless: tie",
  );
});

test("a ranking is told best first, ties joined", () => {
  // Shown c1, c2, c0 with ranks 2, 1, 1: c2 (answer 3) and c0 (answer 1) before c1 (answer 2).
  const said: Said = { kind: "ranking", ranks: [2, 1, 1] };
  expect(inWords({ said, shown: ["c1", "c2", "c0"] }, ANSWERS)).toBe(
    "Answer 3 = answer 1 > answer 2",
  );
});

test("thumbs, demonstrations and corrections", () => {
  const shown = ["c1"];
  expect(inWords({ said: { kind: "thumb", is_good: false }, shown }, ANSWERS)).toBe("Bad");
  const text = "x";
  expect(inWords({ said: { kind: "demonstration", text }, shown: [] }, ANSWERS)).toBe(
    "Wrote an answer",
  );
  expect(inWords({ said: { kind: "correction", text, place: 0 }, shown }, ANSWERS)).toBe(
    "Edited answer 2",
  );
});

test("the keys of labelling settle a pair", () => {
  const empty = emptyOf("pair", 2)!;
  expect(saidOf(empty)).toBeNull();
  const said = ["1", "2", "3", "0", "4", "arrowleft"].map((key) => saidOf(pressed(empty, key)));
  expect(said.map((one) => one?.kind === "pair" && one.choice)).toEqual([
    "A", "B", "tie", "tie", "both_bad", "A",
  ]);
  expect(pressed(empty, "5")).toBe(empty);
});

test("digits rank one answer after another, arrows go back", () => {
  let now = emptyOf("ranking", 3)!;
  for (const key of ["2", "1", "9", "3", "arrowleft", "arrowleft", "1"]) {
    now = pressed(now, key);
  }
  // 2, 1, (9 is no rank of three), 3; then back from the third to the first: 1.
  expect(saidOf(now)).toEqual({ kind: "ranking", ranks: [1, 1, 3] });
  expect(now.kind === "ranking" && saidOf(ranked(now, 2, 2))).toEqual({
    kind: "ranking", ranks: [1, 1, 2],
  });
  expect(saidOf(pressed(emptyOf("ranking", 2)!, "1"))).toBeNull();
});

test("thumbs are settled, texts are not", () => {
  expect(saidOf(pressed(emptyOf("thumb", 1)!, "2"))).toEqual({ kind: "thumb", is_good: false });
  expect(emptyOf("demonstration", 0)).toBeNull();
  expect(emptyOf("correction", 1)).toBeNull();
});

test("what was left out is told at any depth, nothing of nothing", () => {
  expect(leftOutLines('{"pairs.jsonl": {"a tie": 3, "none": 0}, "x": [{"y": 1}]}')).toEqual([
    "pairs.jsonl: a tie: 3", "x: y: 1",
  ]);
  expect(leftOutLines(null)).toEqual([]);
  expect(leftOutLines("no JSON")).toEqual(["no JSON"]);
});

test("what was said without consent can be asked for by address", () => {
  const filter = filterOf(new URLSearchParams("state=no_consent"));
  expect(addressOf(filter, "a0")).toBe("/admin/items/a0?state=no_consent");
  expect(routeOf(filter, null)).toBe("/api/admin/items?state=no_consent");
  expect(tagOf(filter.state)).toBe("no consent");
});

test("a file's name comes without folders", () => {
  expect(fileNameOf('attachment; filename="judgments.jsonl"')).toBe("judgments.jsonl");
  expect(fileNameOf('attachment; filename="../../x.zip"')).toBe("x.zip");
  expect(fileNameOf(null)).toBeNull();
});
