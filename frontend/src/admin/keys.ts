// Single keys as commands of a page: not while typing, not while a dialog is open, not held.
import { useLayoutEffect } from "preact/hooks";

const NOT_TYPED_INTO = new Set(["checkbox", "radio", "range", "button", "submit"]);

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

/** The key as a command, lower case; null where the press belongs to a field or the browser. */
export function commandOf(press: KeyPress): string | null {
  if (press.repeat || press.altKey || press.ctrlKey || press.metaKey || isTyping(press.target)) {
    return null;
  }
  // Keyboards whose digits need Shift (French, Czech) still have them in the same place.
  const isSign = press.key.length === 1 && !press.shiftKey;
  const digit = isSign ? /^(?:Digit|Numpad)(\d)$/.exec(press.code)?.[1] : undefined;
  return digit ?? press.key.toLowerCase();
}

function isTyping(target: EventTarget | null): boolean {
  const element = target as Partial<HTMLInputElement> | null;
  const name = element?.tagName;
  if (name === "INPUT") {
    return !NOT_TYPED_INTO.has(element?.type ?? "text");
  }
  return name === "TEXTAREA" || name === "SELECT" || element?.isContentEditable === true;
}

/** Listens to commands; `act` returns whether the key was one of its own. */
export function useCommands(act: (command: string) => boolean): void {
  // Before the next paint: a key pressed at what is on screen must meet that very state.
  useLayoutEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const command = document.querySelector("dialog[open]") ? null : commandOf(event);
      if (command !== null && !event.defaultPrevented && act(command)) {
        event.preventDefault();
      }
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, [act]);
}
