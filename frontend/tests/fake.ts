// A server and a browser for the engine's tests: they remember, fail when told, and nothing more.
import { vi } from "vitest";
import type { JudgmentRequest, Task } from "../src/contract";
import type { Alone } from "../src/engine/lock";

export function task(itemId: string): Task {
  const answer = { html: "<p>x</p>", text: "x" };
  return {
    item_id: itemId,
    kind: "pair",
    prompt: [{ role: "user", html: "<p>?</p>", text: "?" }],
    answers: [answer, answer],
    draft: null,
    given: null,
  };
}

/** Keeps the contract for one labeller, as far as the tests look. */
export class FakeServer {
  readonly items: string[];
  readonly judged = new Map<string, JudgmentRequest>();
  /** Everything that arrived and was taken, in order: "judge i1 key", "undo key" and so on. */
  readonly log: string[] = [];
  isReachable = true;
  /** The next requests are done, and their replies get lost. */
  losesReplies = 0;
  /** Status of the refusal of the next requests. */
  refusals: number[] = [];
  isOver = false;
  readonly drafts = new Map<string, unknown>();
  readonly requests: string[] = [];

  constructor(count: number) {
    this.items = Array.from({ length: count }, (_, place) => `i${place + 1}`);
  }

  install(): void {
    vi.stubGlobal("fetch", async (path: string, options: RequestInit) => {
      this.requests.push(`${options.method} ${path}`);
      if (!this.isReachable) {
        throw new TypeError("Failed to fetch");
      }
      const body = options.body ? JSON.parse(String(options.body)) : null;
      const status = path === "/api/me" || options.method === "GET" ? 0 : (this.refusals.shift() ?? 0);
      if (status !== 0 || this.isOver) {
        const error = { error: { message: `No: ${status || 401}.`, code: "refused" } };
        return new Response(JSON.stringify(error), { status: status || 401 });
      }
      const reply = this.answer(path, body);
      if (options.method !== "GET" && this.losesReplies > 0) {
        this.losesReplies -= 1;
        throw new TypeError("Failed to fetch");
      }
      return new Response(JSON.stringify(reply));
    });
  }

  private answer(path: string, body: unknown): unknown {
    const { pathname, searchParams } = new URL(path, "http://here");
    if (pathname === "/api/me") {
      const question = { kind: "pair", text: "?", dimensions: [], ask_strength: false };
      return { id: "ann", name: "Ann", role: "labeller", workspace: "w", question };
    }
    if (pathname === "/api/next") {
      return this.next(Number(searchParams.get("count")), searchParams.getAll("holding"));
    }
    if (pathname === "/api/judgments") {
      return this.judge(body as JudgmentRequest);
    }
    if (pathname === "/api/undo") {
      return this.undo(body as { judgment_key?: string });
    }
    if (pathname.startsWith("/api/drafts/")) {
      this.drafts.set(pathname.slice("/api/drafts/".length), body);
      return { replayed: false };
    }
    const { what, item_id: item, remark_key: key } = body as Record<string, string>;
    this.log.push(key ? `withdraw ${key}` : `${what} ${item}`);
    return { replayed: false };
  }

  private next(count: number, holding: string[]): unknown {
    const done = new Set([...this.judged.values()].map((one) => one.item_id));
    const open = this.items.filter((id) => !done.has(id));
    return {
      tasks: open.filter((id) => !holding.includes(id)).slice(0, count).map(task),
      progress: { done: done.size, remaining: open.length, goal: 100, done_today: done.size, team: done.size },
      guidelines: { html: "", hash: "abc" },
      notice: null,
      is_paused: false,
    };
  }

  private judge(body: JudgmentRequest): unknown {
    const replayed = this.judged.has(body.idempotency_key);
    if (!replayed) {
      this.judged.set(body.idempotency_key, body);
      this.log.push(`judge ${body.item_id}`);
    }
    return { judgment_id: "j", item_id: body.item_id, replayed, notice: null };
  }

  private undo({ judgment_key: key }: { judgment_key?: string }): unknown {
    const last = key ?? [...this.judged.keys()].at(-1) ?? "";
    const item = this.judged.get(last)?.item_id ?? "none";
    this.judged.delete(last);
    this.log.push(`undo ${item}`);
    return task(item);
  }
}

/** Locks of one browser: every tab is handed the same. */
export function sharedLocks(): Alone {
  const turns = new Map<string, Promise<unknown>>();
  return <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const mine = (turns.get(name) ?? Promise.resolve()).catch(() => undefined).then(work);
    turns.set(name, mine.catch(() => undefined));
    return mine;
  };
}
