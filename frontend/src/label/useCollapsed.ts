// Long answers are cut at the same height on all sides until somebody wants to see all of them.
import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

/** Cutting saves nothing where hardly more than this is there. */
const LONG_PX = 640;

export interface Collapsed {
  isLong: boolean;
  isCollapsed: boolean;
  toggle: () => void;
}

export function useCollapsed(area: RefObject<HTMLElement | null>): Collapsed {
  const [isLong, setLong] = useState(false);
  const [wantsAll, setWantsAll] = useState(false);
  useLayoutEffect(() => {
    const texts = area.current?.querySelectorAll("[data-answer] > .text") ?? [];
    setLong([...texts].some((text) => text.scrollHeight > LONG_PX));
  }, [area]);
  return {
    isLong,
    isCollapsed: isLong && !wantsAll,
    toggle: () => setWantsAll((now) => !now),
  };
}
