// The order of labellers, shades, keys.
import { expect, test } from "vitest";
import { commandOf } from "../../src/admin/keys";
import type { KeyPress } from "../../src/logic/keys";
import { heatOf } from "../../src/admin/overview/Agreement";
import { sorted, sortedBy } from "../../src/admin/overview/sorting";
import type { Labelled, Measured } from "../../src/admin/types";

function measured(value: number | null): Measured {
  return { value, low: null, high: null, n: 0, reason: null };
}

function labelled(name: string, judgments: number, gold: number | null): Labelled {
  const none = measured(null);
  return {
    id: name, name, is_simulated: false, judgments, skips: 0, flags: 0, gold: measured(gold),
    consistency: none, left_picks: none, median_ms: null, fast: 0, paused: "",
  };
}

const PEOPLE = [labelled("Cy", 5, null), labelled("Ann", 50, 0.8), labelled("Bob", 9, 0.9)];

test("labellers stand in any order, what is not computable last", () => {
  const names = (by: "name" | "judgments" | "gold", isRising: boolean) =>
    sorted(PEOPLE, { by, isRising }).map((one) => one.name);
  expect(names("name", true)).toEqual(["Ann", "Bob", "Cy"]);
  expect(names("judgments", false)).toEqual(["Ann", "Bob", "Cy"]);
  expect(names("gold", false)).toEqual(["Bob", "Ann", "Cy"]);
  expect(names("gold", true)).toEqual(["Ann", "Bob", "Cy"]);
});

test("numbers begin with the largest, a second press turns round", () => {
  const first = sortedBy({ by: "name", isRising: true }, "fast");
  expect(first).toEqual({ by: "fast", isRising: false });
  expect(sortedBy(first, "fast")).toEqual({ by: "fast", isRising: true });
  expect(sortedBy(first, "name")).toEqual({ by: "name", isRising: true });
});

test("five shades", () => {
  expect([-0.3, 0.19, 0.2, 0.5, 0.79, 0.8].map(heatOf)).toEqual([0, 0, 1, 2, 3, 4]);
});

function press(key: string, more: Partial<KeyPress> = {}): KeyPress {
  const still = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, repeat: false };
  return { key, code: "", target: null, ...still, ...more };
}

function at(tagName: string, type = "text"): Partial<KeyPress> {
  return { target: { tagName, type } as unknown as EventTarget };
}

test("single keys are commands, on keyboards with shifted digits too", () => {
  expect(commandOf(press("J"))).toBe("j");
  expect(commandOf(press("é", { code: "Digit2" }))).toBe("2");
  expect(commandOf(press("ArrowLeft", { code: "Numpad4" }))).toBe("arrowleft");
});

test("typing, held keys and the browser's own are not", () => {
  expect(commandOf(press("1", at("TEXTAREA")))).toBeNull();
  expect(commandOf(press("1", at("INPUT")))).toBeNull();
  expect(commandOf(press("1", at("SELECT")))).toBeNull();
  expect(commandOf(press("1", at("INPUT", "checkbox")))).toBe("1");
  expect(commandOf(press("1", { repeat: true }))).toBeNull();
  expect(commandOf(press("1", { ctrlKey: true }))).toBeNull();
});
