// Decisions count only after both answers have been on screen and a second has passed.
import { useEffect, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";

const READING_MS = 1000;
/** An answer counts as seen when this much of it shows above the decision bar. */
const GLIMPSE_PX = 48;

interface Armed {
  hasSeenBoth: boolean;
  isArmed: boolean;
  left: RefObject<HTMLElement | null>;
  right: RefObject<HTMLElement | null>;
  bar: RefObject<HTMLElement | null>;
}

/** `showing` changes with every pair put on screen; `isHidden` while a dialog covers it. */
export function useArmed(showing: number, isHidden: boolean): Armed {
  const left = useRef<HTMLElement>(null);
  const right = useRef<HTMLElement>(null);
  const bar = useRef<HTMLElement>(null);
  const [seenBoth, setSeenBoth] = useState(-1);
  const [armed, setArmed] = useState(-1);

  useEffect(() => {
    if (isHidden || !left.current || !right.current) {
      return;
    }
    const unseen = new Set<Element>([left.current, right.current]);
    const covered = (bar.current?.offsetHeight ?? 0) + GLIMPSE_PX;
    const observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (entry.isIntersecting) {
            unseen.delete(entry.target);
          }
        }
        if (unseen.size === 0) {
          observer.disconnect();
          setSeenBoth(showing);
        }
      },
      { rootMargin: `0px 0px -${covered}px 0px` },
    );
    for (const answer of unseen) {
      observer.observe(answer);
    }
    return () => observer.disconnect();
  }, [showing, isHidden]);

  const hasSeenBoth = seenBoth === showing;
  useEffect(() => {
    if (isHidden || !hasSeenBoth) {
      return;
    }
    const timer = setTimeout(() => setArmed(showing), READING_MS);
    return () => clearTimeout(timer);
  }, [showing, isHidden, hasSeenBoth]);

  return { hasSeenBoth, isArmed: armed === showing && !isHidden, left, right, bar };
}
