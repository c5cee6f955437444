// Single keys as commands of a page: not while typing, not while a dialog is open, not held.
import { useLayoutEffect } from "preact/hooks";
import { digitOf, isField, type KeyPress } from "../logic/keys";

/** The key as a command, lower case; null where the press belongs to a field or the browser. */
export function commandOf(press: KeyPress): string | null {
  if (press.repeat || press.altKey || press.ctrlKey || press.metaKey || isField(press.target)) {
    return null;
  }
  const isSign = press.key.length === 1 && !press.shiftKey;
  const digit = isSign ? digitOf(press) : null;
  return digit === null ? press.key.toLowerCase() : String(digit);
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
