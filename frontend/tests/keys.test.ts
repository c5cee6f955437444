// Which key does what, and which must do nothing.
import { expect, test } from "vitest";
import { askedBy, bindingsOf, capsOf, type KeyPress } from "../src/logic/keys";
import type { Kind } from "../src/types";

function press(key: string, more: Partial<KeyPress> = {}): KeyPress {
  const still = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, repeat: false };
  return { key, code: "", target: null, ...still, ...more };
}

function action(key: string, kind: Kind = "pair", more: Partial<KeyPress> = {}) {
  return askedBy(press(key, more), kind, true)?.action ?? null;
}

test("every key of the convention, for pairs", () => {
  const keys = ["1", "ArrowLeft", "2", "ArrowRight", "3", "0", "4"];
  expect(keys.map((key) => action(key))).toEqual([
    "A", "A", "B", "B", "tie", "tie", "both_bad",
  ]);
  const letters = ["s", "f", "u", "U", "e", "c", "m", "g", "h", "?", "o", "x"];
  expect(letters.map((key) => action(key))).toEqual([
    "skip", "flag", "undo", "undo", "edit", "comment", "raw", "guidelines", "history", "help",
    "all", "dimensions",
  ]);
  expect(action("!", "pair", { code: "Digit1", shiftKey: true })).toBe("much_A");
  expect(action("@", "pair", { code: "Digit2", shiftKey: true })).toBe("much_B");
});

test("the other kinds have their own", () => {
  expect(["1", "2"].map((key) => action(key, "thumb"))).toEqual(["good", "bad"]);
  expect(["j", "k", "4", "Enter"].map((key) => action(key, "ranking"))).toEqual([
    "next_answer", "previous_answer", "rank", "submit",
  ]);
  expect(askedBy(press("6"), "ranking", true)).toEqual({ action: "rank", digit: 6 });
  expect(["d", "e"].map((key) => action(key, "correction"))).toEqual(["diff", "write"]);
  expect(action("Enter", "demonstration", { ctrlKey: true })).toBe("submit");
  expect(action("1", "demonstration")).toBeNull();
});

test("Ctrl-Z and Command-Z undo, other shortcuts stay the browser's", () => {
  expect(action("z", "pair", { ctrlKey: true })).toBe("undo");
  expect(action("z", "pair", { metaKey: true })).toBe("undo");
  expect(action("z", "pair", { ctrlKey: true, shiftKey: true })).toBeNull();
  expect(action("1", "pair", { ctrlKey: true })).toBeNull();
  expect(action("s", "pair", { ctrlKey: true })).toBeNull();
  expect(action("ArrowLeft", "pair", { altKey: true })).toBeNull();
  expect(action("z")).toBeNull();
});

test("a held key and typing into a field do nothing", () => {
  expect(action("1", "pair", { repeat: true })).toBeNull();
  for (const tagName of ["TEXTAREA", "INPUT", "SELECT"]) {
    expect(action("1", "pair", { target: { tagName } as unknown as EventTarget })).toBeNull();
  }
});

test("Enter on a button presses that button", () => {
  const target = { tagName: "BUTTON" } as unknown as EventTarget;
  expect(action("Enter", "ranking", { target })).toBeNull();
});

test("digits work where they need Shift", () => {
  expect(action("&", "pair", { code: "Digit1" })).toBe("A");
  expect(action("é", "pair", { code: "Digit2" })).toBe("B");
});

test("turned off, single keys do nothing; Ctrl, Enter and Escape go on", () => {
  const off = (key: string, kind: Kind, more: Partial<KeyPress> = {}) =>
    askedBy(press(key, more), kind, false)?.action ?? null;
  expect(["1", "ArrowLeft", "s", "u", "?"].map((key) => off(key, "pair"))).toEqual([
    null, null, null, null, null,
  ]);
  expect(off("z", "pair", { ctrlKey: true })).toBe("undo");
  expect(off("Enter", "ranking")).toBe("submit");
  expect(off("Escape", "pair")).toBe("cancel");
});

test("no key means two things in one kind of task", () => {
  for (const kind of ["pair", "ranking", "demonstration", "correction", "thumb"] as const) {
    const keys = bindingsOf(kind, true).flatMap((one) => one.keys);
    expect(keys.length).toBe(new Set(keys).size);
  }
});

test("caps are those of the kind; dimensions are listed only where there are some", () => {
  expect(capsOf("submit", "ranking")).toEqual(["Enter"]);
  expect(capsOf("submit", "demonstration")).toEqual(["Ctrl Enter"]);
  expect(capsOf("A", "thumb")).toEqual([]);
  expect(bindingsOf("pair", false).some((one) => one.action === "dimensions")).toBe(false);
});
