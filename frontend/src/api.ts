// The server's routes as functions; a refusal becomes a Refused, no answer becomes an Unreachable.
import type * as contract from "./contract";
import { messages } from "./messages";

/** The server answered and said no; asking again would bring the same answer. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string | null,
    message: string,
  ) {
    super(message);
  }
}

/** No answer, or "not now": worth asking again. `status` is null where nothing came back. */
export class Unreachable extends Error {
  constructor(
    message: string,
    readonly status: number | null = null,
    readonly retryAfterMs: number | null = null,
  ) {
    super(message);
  }
}

/** A new link mends this, so what waits must go on waiting. */
export function isSessionOver(error: unknown): boolean {
  return error instanceof Refused && error.status === 401;
}

const PATIENCE_MS = 20_000;
type Method = "GET" | "POST" | "PUT" | "DELETE";

/** Asks the server of this page; JSON out, JSON in. */
export async function ask<T>(path: string, body?: unknown, method?: Method): Promise<T> {
  const writes = body !== undefined || (method !== undefined && method !== "GET");
  let response: Response;
  try {
    response = await fetch(path, {
      method: method ?? (writes ? "POST" : "GET"),
      headers: writes ? { "Content-Type": "application/json" } : {},
      body: writes ? JSON.stringify(body ?? {}) : null,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (response.ok) {
      // Inside the try: a body that breaks off half-way is no answer either.
      return (await response.json()) as T;
    }
  } catch {
    throw new Unreachable(messages.trouble.noAnswer);
  }
  throw await refusalOf(response);
}

async function refusalOf(response: Response): Promise<Refused | Unreachable> {
  const { status } = response;
  if (status >= 500 || status === 429 || status === 408) {
    const seconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
    const wait = Number.isFinite(seconds) ? Math.min(seconds, 60) * 1000 : null;
    return new Unreachable(messages.trouble.notNow, status, wait);
  }
  const reply = (await response.json().catch(() => null)) as {
    error?: { message?: string; code?: string | null };
  } | null;
  const message = reply?.error?.message ?? messages.trouble.refused(status);
  return new Refused(status, reply?.error?.code ?? null, message);
}

export function fetchMe(): Promise<contract.MeReply> {
  return ask("/api/me");
}

export interface NextQuery {
  count: number;
  skip: readonly string[];
  holding: readonly string[];
}

export function fetchNext({ count, skip, holding }: NextQuery): Promise<contract.NextReply> {
  const query = new URLSearchParams({ count: String(count) });
  for (const id of skip) {
    query.append("skip", id);
  }
  for (const id of holding) {
    query.append("holding", id);
  }
  return ask(`/api/next?${query}`);
}

export function fetchItem(itemId: string): Promise<contract.Task> {
  return ask(`/api/items/${encodeURIComponent(itemId)}`);
}

export function fetchHistory(before: string | null): Promise<contract.HistoryReply> {
  return ask(before ? `/api/history?before=${encodeURIComponent(before)}` : "/api/history");
}

export function postJudgment(body: contract.JudgmentRequest): Promise<contract.JudgmentReply> {
  return ask("/api/judgments", body);
}

export function postUndo(body: contract.UndoRequest): Promise<contract.Task> {
  return ask("/api/undo", body);
}

export function postRemark(body: contract.RemarkRequest): Promise<contract.Done> {
  return ask("/api/remarks", body);
}

export function postWithdrawal(body: contract.WithdrawalRequest): Promise<contract.Done> {
  return ask("/api/remarks/withdraw", body);
}

export function putDraft(itemId: string, body: contract.DraftRequest): Promise<contract.Done> {
  return ask(`/api/drafts/${encodeURIComponent(itemId)}`, body, "PUT");
}

export function postLogout(): Promise<contract.Done> {
  return ask("/api/logout", {});
}
