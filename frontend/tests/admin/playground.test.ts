// The conversation as it goes on.
import { expect, test } from "vitest";
import { choiceOf, nameOf, picked, roundOf, textOf, turnsOf } from "../../src/admin/playground/conversation";
import type { Column } from "../../src/admin/types";

function column(raw: string, model: string | null): Column {
  return { html: "", text: raw, raw, model, answer_id: raw, num_tokens: 1, seconds: 1, is_cut_off: false };
}

const BLIND = roundOf("r1", "How?", [column("so", null), column("thus", null)], true);

test("the conversation goes on from the chosen answer, and not before", () => {
  expect(turnsOf([])).toEqual([]);
  expect(turnsOf([BLIND])).toBeNull();
  expect(turnsOf([picked(BLIND, 1, ["base", "ppo"])])).toEqual([
    { role: "user", content: "How?" },
    { role: "assistant", content: "thus" },
  ]);
});

test("a tie names everybody and leaves open where to go on", () => {
  const tie = picked(BLIND, "tie", ["base", "ppo"]);
  expect([nameOf(tie, 0), nameOf(tie, 1)]).toEqual(["base", "ppo"]);
  expect(turnsOf([tie])).toBeNull();
  expect(turnsOf([picked({ ...BLIND, goOn: 0 }, "tie", [])])?.[1]?.content).toBe("so");
});

test("no name before a choice while blind", () => {
  const told = { ...BLIND, columns: [column("so", "base"), column("thus", "ppo")] };
  expect(nameOf(told, 0)).toBeNull();
  expect(nameOf({ ...told, isBlind: false }, 0)).toBe("base");
});

test("a corrected text is what is gone on with", () => {
  const round = { ...BLIND, corrected: { 0: "like this" }, goOn: 0 };
  expect(textOf(round, 0)).toBe("like this");
  expect(turnsOf([round])?.[1]?.content).toBe("like this");
});

test("keys choose among the answers there are", () => {
  expect(["0", "1", "3", "4", "5", "a"].map((key) => choiceOf(key, 3))).toEqual([
    "tie", 0, 2, null, null, null,
  ]);
});
