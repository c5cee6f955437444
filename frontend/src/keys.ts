// Which key does what; the buttons, the help and the listener all read this one table.
import type { Choice } from "./types";

export type Action = Choice | "undo" | "next" | "guidelines" | "help";

interface Binding {
  action: Action;
  /** Shown on buttons and in the help. */
  caps: string[];
  /** Values of KeyboardEvent.key, lower case. */
  keys: string[];
  says: string;
}

export const BINDINGS: readonly Binding[] = [
  { action: "A", caps: ["1", "←"], keys: ["1", "arrowleft"], says: "A is better" },
  { action: "B", caps: ["2", "→"], keys: ["2", "arrowright"], says: "B is better" },
  { action: "tie", caps: ["3", "0"], keys: ["3", "0"], says: "Equally good" },
  { action: "both_bad", caps: ["4"], keys: ["4"], says: "Both are bad" },
  { action: "undo", caps: ["u", "Ctrl Z"], keys: ["u"], says: "Take back the last judgment" },
  { action: "next", caps: ["n"], keys: ["n"], says: "Skip this pair for now" },
  { action: "guidelines", caps: ["g"], keys: ["g"], says: "Show the guidelines" },
  { action: "help", caps: ["?"], keys: ["?"], says: "Show these keys" },
];

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

/** What a key press asks for; null for held keys, foreign modifiers and typing into a field. */
export function actionFor(press: KeyPress): Action | null {
  if (press.repeat || press.altKey || isField(press.target)) {
    return null;
  }
  const key = press.key.toLowerCase();
  if (press.ctrlKey || press.metaKey) {
    return key === "z" && !press.shiftKey ? "undo" : null;
  }
  const found = BINDINGS.find((binding) => binding.keys.includes(key));
  if (found) {
    return found.action;
  }
  // Keyboards whose digits need Shift (French, Czech) still have them in the same place.
  const digit = press.shiftKey ? undefined : /^(?:Digit|Numpad)(\d)$/.exec(press.code)?.[1];
  return BINDINGS.find((binding) => digit && binding.keys.includes(digit))?.action ?? null;
}

export function isChoice(action: Action): action is Choice {
  return action === "A" || action === "B" || action === "tie" || action === "both_bad";
}

function isField(target: EventTarget | null): boolean {
  const element = target as Partial<HTMLElement> | null;
  const name = element?.tagName;
  return (
    name === "INPUT" ||
    name === "TEXTAREA" ||
    name === "SELECT" ||
    element?.isContentEditable === true
  );
}
