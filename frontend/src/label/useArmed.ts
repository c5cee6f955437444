// Decisions count only after all answers have been on screen and a second has passed.
import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

const READING_MS = 1000;
/** An answer counts as seen when this much of it shows above the decision bar. */
const GLIMPSE_PX = 48;

export interface Armed {
  hasSeenAll: boolean;
  isArmed: boolean;
}

/** Watches what is marked `data-answer` in the area (without any: `data-seen`), from anew per task. */
export function useArmed(area: RefObject<HTMLElement | null>, isHidden: boolean): Armed {
  const [hasSeenAll, setSeenAll] = useState(false);
  const [isArmed, setArmed] = useState(false);

  useEffect(() => {
    const root = area.current;
    if (isHidden || hasSeenAll || !root) {
      return;
    }
    const answers = root.querySelectorAll("[data-answer]");
    const unseen = new Set(answers.length ? answers : root.querySelectorAll("[data-seen]"));
    let observer: IntersectionObserver | null = null;
    const hear = (entries: IntersectionObserverEntry[]) => {
      for (const entry of entries) {
        if (entry.isIntersecting) {
          unseen.delete(entry.target);
        }
      }
      if (unseen.size === 0) {
        observer?.disconnect();
        setSeenAll(true);
      }
    };
    // The bar grows and shrinks (a ranking's ties), and covers more or less.
    const watch = () => {
      observer?.disconnect();
      const rootMargin = `0px 0px -${coveredBelow() + GLIMPSE_PX}px 0px`;
      observer = new IntersectionObserver(hear, { rootMargin });
      for (const one of unseen) {
        observer.observe(one);
      }
    };
    watch();
    const resize = new ResizeObserver(watch);
    const bar = document.querySelector(".bar");
    if (bar) {
      resize.observe(bar);
    }
    return () => {
      resize.disconnect();
      observer?.disconnect();
    };
  }, [area, isHidden, hasSeenAll]);

  useEffect(() => {
    if (isHidden || !hasSeenAll || isArmed) {
      return;
    }
    const timer = setTimeout(() => setArmed(true), READING_MS);
    return () => clearTimeout(timer);
  }, [isHidden, hasSeenAll, isArmed]);

  return { hasSeenAll, isArmed: isArmed && !isHidden };
}

/** The bar covers the bottom of the window, except on windows too low for that. */
function coveredBelow(): number {
  const bar = document.querySelector<HTMLElement>(".bar");
  return bar && getComputedStyle(bar).position === "fixed" ? bar.offsetHeight : 0;
}
