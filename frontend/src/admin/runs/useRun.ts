// Follows a run: every two seconds what is new, not while the tab is hidden, again after an outage.
import { useEffect, useState } from "preact/hooks";
import { Failure, get, queryOf, sentenceOf } from "../api";
import type { RunReply } from "../types";
import { joined } from "./following";

const EVERY_MS = 2000;
const AT_MOST_MS = 10_000;

export interface Following {
  known: RunReply | null;
  /** What went wrong with the last asking; it goes on where that may pass. */
  trouble: string | null;
  isFollowing: boolean;
}

export function useRun(id: string): Following {
  const [state, setState] = useState<Following>({
    known: null,
    trouble: null,
    isFollowing: true,
  });
  useEffect(() => {
    const follower = new Follower(id, setState);
    document.addEventListener("visibilitychange", follower.look);
    void follower.ask();
    return () => {
      document.removeEventListener("visibilitychange", follower.look);
      follower.end();
    };
  }, [id]);
  return state;
}

class Follower {
  private known: RunReply | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private numFailures = 0;
  private isAsking = false;
  private hasEnded = false;

  constructor(
    private readonly id: string,
    private readonly tell: (state: Following) => void,
  ) {}

  /** Back in sight: what was missed is asked for at once. */
  look = (): void => {
    clearTimeout(this.timer);
    if (!document.hidden && !this.hasEnded) {
      void this.ask();
    }
  };

  end(): void {
    this.hasEnded = true;
    clearTimeout(this.timer);
  }

  async ask(): Promise<void> {
    if (this.isAsking || this.hasEnded) {
      return;
    }
    this.isAsking = true;
    const since = this.known === null ? null : String(this.known.last_step);
    const path = `/api/admin/runs/${encodeURIComponent(this.id)}${queryOf({ since })}`;
    try {
      this.took(await get<RunReply>(path));
    } catch (error) {
      this.failed(error);
    }
    this.isAsking = false;
    this.next();
  }

  private took(reply: RunReply): void {
    if (this.hasEnded) {
      return;
    }
    this.numFailures = 0;
    this.known = joined(this.known, reply);
    if (this.known === null) {
      // The run went back to a checkpoint: the next asking fetches all of it.
      return;
    }
    const isFollowing = reply.run.status === "running";
    this.tell({ known: this.known, trouble: null, isFollowing });
    this.hasEnded = !isFollowing;
  }

  private failed(error: unknown): void {
    if (this.hasEnded) {
      return;
    }
    this.numFailures += 1;
    const isPassing = error instanceof Failure && error.isPassing;
    const trouble = sentenceOf(error) + (isPassing ? " Trying again until it does." : "");
    this.tell({ known: this.known, trouble, isFollowing: isPassing });
    this.hasEnded = !isPassing;
  }

  private next(): void {
    if (!this.hasEnded && !document.hidden) {
      const wait = Math.min(EVERY_MS * 2 ** Math.max(this.numFailures - 1, 0), AT_MOST_MS);
      this.timer = setTimeout(() => void this.ask(), wait);
    }
  }
}
