// The session: what is on screen, what waits to be saved, and the few things one can do.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { fetchMe, fetchNext, postJudgment, postUndo, Refused, Unreachable } from "./api";
import { backoff, isSessionOver, newKey, Outbox } from "./outbox";
import type { Choice, Me, Next } from "./types";

const AUTO_ADVANCE_MS = 350;
const TOAST_MS = 4000;
const MAX_SKIPPED = 100;

export interface Toast {
  text: string;
  canUndo: boolean;
}

export interface Labelling {
  me: Me | null;
  next: Next | null;
  /** Counts what was put on screen; changes even when the same pair comes again. */
  showing: number;
  chosen: Choice | null;
  toast: Toast | null;
  trouble: string | null;
  isSignedOut: boolean;
  judge: (choice: Choice) => void;
  undo: () => void;
  skip: () => void;
}

export function useLabelling(): Labelling {
  const [me, setMe] = useState<Me | null>(null);
  const [shown, setShown] = useState<{ next: Next; showing: number } | null>(null);
  const [chosen, setChosen] = useState<Choice | null>(null);
  const [toast, setToast] = useState<Toast | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const [isSignedOut, setSignedOut] = useState(false);
  const outbox = useRef<Outbox | null>(null);
  const skipped = useRef<string[]>([]);
  const shownAt = useRef(0);
  // Refs, not state: a second key press must see them before the next rendering.
  const isBusy = useRef(true);
  const wantsUndo = useRef(false);

  /** Tries until there is an answer, saying so meanwhile; only a refusal comes through. */
  const insist = useCallback(async <T>(task: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        const result = await task();
        setTrouble(null);
        return result;
      } catch (error) {
        if (isSessionOver(error)) {
          setSignedOut(true);
        }
        if (!(error instanceof Unreachable)) {
          throw error;
        }
        setTrouble(describe(error, outbox.current?.size ?? 0));
        await comeback(backoff(tries));
      }
    }
  }, []);

  const show = useCallback((next: Next) => {
    skipped.current = skipped.current.filter((id) => id !== next.item_id);
    shownAt.current = performance.now();
    setChosen(null);
    setShown((before) => ({ next, showing: (before?.showing ?? 0) + 1 }));
  }, []);

  /** Sends what waits; a refused judgment is told and dropped, the others go on. */
  const deliver = useCallback(async () => {
    let refusal: string | null = null;
    while (outbox.current && outbox.current.size > 0) {
      try {
        await insist(() => outbox.current?.flush() ?? Promise.resolve());
      } catch (error) {
        if (!(error instanceof Refused) || isSessionOver(error)) {
          throw error;
        }
        refusal = `Not saved: ${error.message}`;
      }
    }
    return refusal;
  }, [insist]);

  const takeBack = useCallback(async () => {
    const key = newKey();
    try {
      show(await insist(() => postUndo(key)));
      setToast({ text: "Taken back", canUndo: false });
    } catch (error) {
      if (!(error instanceof Refused) || isSessionOver(error)) {
        throw error;
      }
      setToast({ text: error.message, canUndo: false });
    }
  }, [insist, show]);

  /** One thing at a time; whatever was not foreseen is shown, never swallowed. */
  const alone = useCallback((task: () => Promise<void>) => {
    isBusy.current = true;
    task()
      .catch((error: unknown) => {
        if (!isSessionOver(error)) {
          setTrouble(`${error instanceof Error ? error.message : String(error)} Reload the page.`);
        }
      })
      .finally(() => {
        isBusy.current = false;
      });
  }, []);

  const judge = useCallback(
    (choice: Choice) => {
      const item = shown?.next.item_id;
      if (isBusy.current || !item) {
        return;
      }
      outbox.current?.add({
        item_id: item,
        choice,
        ms_to_decision: Math.round(performance.now() - shownAt.current),
        idempotency_key: newKey(),
        guidelines_hash: shown.next.guidelines.hash,
      });
      setChosen(choice);
      setToast(null);
      wantsUndo.current = false;
      alone(async () => {
        const [refusal] = await Promise.all([deliver(), pause(AUTO_ADVANCE_MS)]);
        setToast({ text: refusal ?? "Saved", canUndo: refusal === null });
        if (wantsUndo.current && refusal === null) {
          await takeBack();
        } else {
          show(await insist(() => fetchNext(skipped.current)));
        }
      });
    },
    [shown, alone, deliver, takeBack, show, insist],
  );

  const undo = useCallback(() => {
    if (isBusy.current) {
      wantsUndo.current = true;
    } else {
      alone(takeBack);
    }
  }, [alone, takeBack]);

  const skip = useCallback(() => {
    const item = shown?.next.item_id;
    if (isBusy.current || !item) {
      return;
    }
    skipped.current = [...skipped.current, item].slice(-MAX_SKIPPED);
    const asked = skipped.current;
    alone(async () => {
      const next = await insist(() => fetchNext(asked));
      const isLast = next.item_id === item;
      setToast({ text: isLast ? "This is the last pair" : "Skipped for now", canUndo: false });
      show(next);
    });
  }, [shown, alone, insist, show]);

  useEffect(() => {
    alone(async () => {
      const person = await insist(fetchMe);
      outbox.current = new Outbox(person.id, localStorage, postJudgment);
      const refusal = await deliver();
      if (refusal) {
        setToast({ text: refusal, canUndo: false });
      }
      show(await insist(() => fetchNext([])));
      setMe(person);
    });
  }, [alone, insist, deliver, show]);

  useEffect(() => {
    if (!toast) {
      return;
    }
    const timer = setTimeout(() => setToast(null), TOAST_MS);
    return () => clearTimeout(timer);
  }, [toast]);

  const next = shown?.next ?? null;
  const showing = shown?.showing ?? 0;
  return { me, next, showing, chosen, toast, trouble, isSignedOut, judge, undo, skip };
}

function describe(error: Unreachable, waiting: number): string {
  if (waiting === 0) {
    return `${error.message} Trying again…`;
  }
  const judgments = waiting === 1 ? "Your judgment is" : `${waiting} judgments are`;
  return `${error.message} ${judgments} kept in this browser and will be sent again…`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits, but not longer than until the network is back. */
function comeback(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
  });
}
