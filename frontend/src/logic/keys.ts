// Which key does what; the buttons, the help and the listener all read this one table.
import { messages } from "../messages";
import type { Kind } from "../types";

export type Action =
  | "A"
  | "B"
  | "tie"
  | "both_bad"
  | "much_A"
  | "much_B"
  | "good"
  | "bad"
  | "next_answer"
  | "previous_answer"
  | "rank"
  | "submit"
  | "cancel"
  | "dimensions"
  | "edit"
  | "write"
  | "diff"
  | "comment"
  | "skip"
  | "flag"
  | "undo"
  | "raw"
  | "all"
  | "guidelines"
  | "history"
  | "help";

interface Binding {
  action: Action;
  /** Shown on buttons and in the help. */
  caps: readonly string[];
  /** Values of KeyboardEvent.key, lower case; digits go by their place on the keyboard too. */
  keys: readonly string[];
  /** Kinds of tasks in which it means this. */
  kinds: readonly Kind[];
}

const ALL = Object.keys(messages.usualQuestion) as Kind[];
const SHOWING_ANSWERS: readonly Kind[] = ["pair", "ranking", "thumb"];
const WRITING: readonly Kind[] = ["demonstration", "correction"];

function bind(
  action: Action,
  caps: readonly string[],
  keys: readonly string[],
  kinds: readonly Kind[] = ALL,
): Binding {
  return { action, caps, keys, kinds };
}

export const BINDINGS: readonly Binding[] = [
  bind("A", ["1", "←"], ["1", "arrowleft"], ["pair"]),
  bind("B", ["2", "→"], ["2", "arrowright"], ["pair"]),
  bind("tie", ["3", "0"], ["3", "0"], ["pair"]),
  bind("both_bad", ["4"], ["4"], ["pair"]),
  bind("much_A", ["⇧1"], ["shift+1"], ["pair"]),
  bind("much_B", ["⇧2"], ["shift+2"], ["pair"]),
  bind("dimensions", ["x"], ["x"], ["pair"]),
  bind("good", ["1"], ["1"], ["thumb"]),
  bind("bad", ["2"], ["2"], ["thumb"]),
  bind("next_answer", ["j"], ["j"], ["ranking"]),
  bind("previous_answer", ["k"], ["k"], ["ranking"]),
  bind("rank", ["1", "…", "6"], ["1", "2", "3", "4", "5", "6"], ["ranking"]),
  bind("submit", ["Enter"], ["enter"], ["ranking"]),
  bind("edit", ["e"], ["e"], SHOWING_ANSWERS),
  bind("write", ["e"], ["e"], WRITING),
  bind("submit", ["Ctrl Enter"], ["ctrl+enter"], WRITING),
  bind("diff", ["d"], ["d"], ["correction"]),
  bind("cancel", ["Esc"], ["escape"]),
  bind("comment", ["c"], ["c"]),
  bind("skip", ["s"], ["s"]),
  bind("flag", ["f"], ["f"]),
  bind("undo", ["u", "Ctrl Z"], ["u", "ctrl+z"]),
  bind("raw", ["m"], ["m"]),
  bind("all", ["o"], ["o"]),
  bind("guidelines", ["g"], ["g"]),
  bind("history", ["h"], ["h"]),
  bind("help", ["?"], ["?"]),
];

/** What a kind of task has for keys; `dimensions` only where the project asks for some. */
export function bindingsOf(kind: Kind, hasDimensions: boolean): Binding[] {
  return BINDINGS.filter(
    ({ action, kinds }) => kinds.includes(kind) && (hasDimensions || action !== "dimensions"),
  );
}

/** The caps of an action in a kind of task. */
export function capsOf(action: Action, kind: Kind): readonly string[] {
  const binding = BINDINGS.find((one) => one.action === action && one.kinds.includes(kind));
  return binding?.caps ?? [];
}

export interface KeyPress {
  key: string;
  code: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  repeat: boolean;
  target: EventTarget | null;
}

/** What a press asks for, and its digit where it has one. */
export interface Asked {
  action: Action;
  digit: number | null;
}

/** Null for held keys, foreign modifiers and typing; `isSingleOn`: keys without Ctrl count. */
export function askedBy(press: KeyPress, kind: Kind, isSingleOn: boolean): Asked | null {
  if (press.repeat || press.altKey || isField(press.target)) {
    return null;
  }
  const name = nameOf(press);
  const isModified = press.ctrlKey || press.metaKey;
  if (name === null || (!isModified && !isSingleOn && !isAlwaysOn(name))) {
    return null;
  }
  if (name === "enter" && isPressable(press.target)) {
    return null; // Enter presses that button
  }
  const found = BINDINGS.find((one) => one.kinds.includes(kind) && one.keys.includes(name));
  return found ? { action: found.action, digit: digitOf(press) } : null;
}

/** The digit of a press, also on keyboards whose digits need Shift (French, Czech). */
export function digitOf(press: Pick<KeyPress, "key" | "code">): number | null {
  const place = /^(?:Digit|Numpad)(\d)$/.exec(press.code)?.[1];
  const digit = place ?? (/^\d$/.test(press.key) ? press.key : undefined);
  return digit === undefined ? null : Number(digit);
}

const NOT_TYPED_INTO = new Set(["checkbox", "radio", "range", "button", "submit"]);

/** Whether a press there belongs to a field. */
export function isField(target: EventTarget | null): boolean {
  const element = target as Partial<HTMLInputElement> | null;
  const name = element?.tagName;
  if (name === "INPUT") {
    return !NOT_TYPED_INTO.has(element?.type ?? "text");
  }
  return name === "TEXTAREA" || name === "SELECT" || element?.isContentEditable === true;
}

function nameOf(press: KeyPress): string | null {
  const key = press.key.toLowerCase();
  if (press.ctrlKey || press.metaKey) {
    return press.shiftKey ? null : `ctrl+${key}`;
  }
  const digit = digitOf(press);
  if (digit !== null) {
    return press.shiftKey ? `shift+${digit}` : String(digit);
  }
  return key;
}

/** Enter and Escape stay on where single keys are off. */
function isAlwaysOn(name: string): boolean {
  return name === "enter" || name === "escape";
}

function isPressable(target: EventTarget | null): boolean {
  const name = (target as Partial<HTMLElement> | null)?.tagName;
  return name === "BUTTON" || name === "A" || name === "SUMMARY";
}
