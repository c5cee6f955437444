// Which key does what, and which must do nothing.
import { expect, test } from "vitest";
import { actionFor, isChoice, type KeyPress } from "../src/keys";

function press(key: string, more: Partial<KeyPress> = {}): KeyPress {
  const still = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, repeat: false };
  return { key, code: "", target: null, ...still, ...more };
}

test("every key of the convention", () => {
  const said = ["1", "ArrowLeft", "2", "ArrowRight", "3", "0", "4", "u", "U", "n", "g", "?"];
  expect(said.map((key) => actionFor(press(key)))).toEqual([
    "A", "A", "B", "B", "tie", "tie", "both_bad", "undo", "undo", "next", "guidelines", "help",
  ]);
});

test("Ctrl-Z and Command-Z undo, other shortcuts stay the browser's", () => {
  expect(actionFor(press("z", { ctrlKey: true }))).toBe("undo");
  expect(actionFor(press("z", { metaKey: true }))).toBe("undo");
  expect(actionFor(press("z", { ctrlKey: true, shiftKey: true }))).toBeNull();
  expect(actionFor(press("1", { ctrlKey: true }))).toBeNull();
  expect(actionFor(press("ArrowLeft", { altKey: true }))).toBeNull();
  expect(actionFor(press("z"))).toBeNull();
});

test("a held key and typing into a field do nothing", () => {
  expect(actionFor(press("1", { repeat: true }))).toBeNull();
  const field = { tagName: "TEXTAREA" } as unknown as EventTarget;
  expect(actionFor(press("1", { target: field }))).toBeNull();
});

test("digits work where they need Shift", () => {
  expect(actionFor(press("&", { code: "Digit1" }))).toBe("A");
  expect(actionFor(press("é", { code: "Digit2" }))).toBe("B");
  expect(actionFor(press("!", { code: "Digit1", shiftKey: true }))).toBeNull();
});

test("choices are told from the rest", () => {
  expect(isChoice("both_bad")).toBe(true);
  expect(isChoice("undo")).toBe(false);
});
