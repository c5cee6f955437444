// Ranks, changes word by word, and what was said in words.
import { expect, test } from "vitest";
import { wordDiff } from "../src/logic/diff";
import { finished, missing, noRanks, nudged, tiedWith, tiers, withRank } from "../src/logic/ranking";
import { inWords } from "../src/logic/saying";
import { problemOf } from "../src/label/WritingTask";

test("a rank is given, changed and taken away; one that does not exist changes nothing", () => {
  const ranks = withRank(noRanks(3), 1, 2);
  expect(ranks).toEqual([null, 2, null]);
  expect(withRank(ranks, 1, null)).toEqual([null, null, null]);
  expect(withRank(ranks, 0, 4)).toBe(ranks);
  expect(withRank(ranks, 3, 1)).toBe(ranks);
});

test("moving stays within what exists, and lets the unranked in", () => {
  expect(nudged([1, 3, null], 0, -1)).toEqual([1, 3, null]);
  expect(nudged([1, 3, null], 0, 1)).toEqual([2, 3, null]);
  expect(nudged([1, 3, null], 2, 1)).toEqual([1, 3, 3]);
  expect(nudged([1, 3, null], 2, -1)).toEqual([1, 3, 1]);
});

test("ties share a place and know of each other", () => {
  expect(tiers([2, 1, 2, null])).toEqual({ ranked: [[1], [0, 2], [], []], unranked: [3] });
  expect(tiedWith([2, 1, 2, null], 0)).toEqual(["C"]);
  expect(tiedWith([2, 1, 2, null], 3)).toEqual([]);
});

test("what is sent has no gaps, and is sent only when all have a rank", () => {
  expect(finished([1, 1, 4])).toEqual([1, 1, 2]);
  expect(finished([3, 2, 6, 2])).toEqual([2, 1, 3, 1]);
  expect(finished([1, null, 2])).toBeNull();
  expect(missing([1, null, null])).toEqual(["B", "C"]);
});

test("a change is shown word by word", () => {
  expect(wordDiff("the red cat", "the blue cat")).toEqual([
    { text: "the ", how: "same" },
    { text: "red", how: "removed" },
    { text: "blue", how: "added" },
    { text: " cat", how: "same" },
  ]);
  expect(wordDiff("same", "same")).toEqual([{ text: "same", how: "same" }]);
  expect(wordDiff("", "new")).toEqual([{ text: "new", how: "added" }]);
});

test("texts too long to compare are one removal and one addition, at once", () => {
  const [before, after] = ["a ".repeat(40_000), "b ".repeat(40_000)];
  expect(wordDiff(before, after).map((piece) => piece.how)).toEqual(["removed", "added"]);
});

test("pieces put together again are the two texts", () => {
  const [before, after] = ["one  two\n\nthree", "one two\n\n3 three!"];
  const pieces = wordDiff(before, after);
  const join = (how: string) =>
    pieces.filter((one) => one.how === "same" || one.how === how).map((one) => one.text).join("");
  expect(join("removed")).toBe(before);
  expect(join("added")).toBe(after);
});

test("a text that cannot be sent says why", () => {
  expect(problemOf("  \n", "")).toBe("Write something first");
  expect(problemOf("as it was", "as it was")).toBe("Change something first");
  expect(problemOf("x".repeat(200_001), "")).toBe("This text is too long to be saved");
  expect(problemOf("better", "good")).toBeNull();
});

test("what was said, in words", () => {
  expect(inWords({ kind: "pair", choice: "A", strength: 3, dimensions: {} })).toBe(
    "A is better (much)",
  );
  expect(inWords({ kind: "pair", choice: "tie", strength: null, dimensions: {} })).toBe("Tie");
  expect(inWords({ kind: "ranking", ranks: [2, 1, 2, 3] })).toBe("B > A = C > D");
  expect(inWords({ kind: "thumb", is_good: false })).toBe("Bad");
  expect(inWords({ kind: "demonstration", text: "x".repeat(90) })).toBe(`${"x".repeat(80)}…`);
});

function told(before: string, after: string): string {
  const marks = { same: "", removed: "-", added: "+" };
  return wordDiff(before, after).map(({ how, text }) => marks[how] + text).join("|");
}

test("a diff is by words", () => {
  expect(told("put it in water", "put them in cold water")).toBe(
    "put |-it|+them| in |+cold |water",
  );
  expect(told("", "new")).toBe("+new");
  expect(told("old", "")).toBe("-old");
  expect(told("same", "same")).toBe("same");
  expect(told("a b c", "a c")).toBe("a |-b |c");
});

test("both texts can be read out of a diff, however long they are", () => {
  const before = Array.from({ length: 3000 }, (_, place) => `w${place % 7}`).join(" ");
  const after = Array.from({ length: 2900 }, (_, place) => `w${place % 5}`).join(" ");
  const parts = wordDiff(before, after);
  const text = (without: string) =>
    parts.filter(({ how }) => how !== without).map((part) => part.text).join("");
  expect(text("added")).toBe(before);
  expect(text("removed")).toBe(after);
});
