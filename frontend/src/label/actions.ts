// Keys and buttons ask for the same actions; the newest part of the page that can, does them.
import { createContext } from "preact";
import { useContext, useLayoutEffect, useRef } from "preact/hooks";
import type { Action, Asked } from "../logic/keys";

/** True where it was done. */
type Handler = (asked: Asked) => boolean;

export class Actions {
  #handlers: Handler[] = [];
  /** What no part of the task does itself. */
  otherwise: Handler = () => false;

  add(handler: Handler): () => void {
    this.#handlers = [handler, ...this.#handlers];
    return () => {
      this.#handlers = this.#handlers.filter((one) => one !== handler);
    };
  }

  ask(action: Action, digit: number | null = null): boolean {
    const asked = { action, digit };
    return this.#handlers.some((handler) => handler(asked)) || this.otherwise(asked);
  }
}

export const ActionsContext = createContext(new Actions());

/** Takes part in what keys and buttons ask for, with the state of the last rendering. */
export function useActions(handler: Handler): Actions {
  const actions = useContext(ActionsContext);
  const newest = useRef(handler);
  // Before the next paint: a key pressed at what is on screen must meet that very state.
  useLayoutEffect(() => {
    newest.current = handler;
  });
  useLayoutEffect(() => actions.add((asked) => newest.current(asked)), [actions]);
  return actions;
}
