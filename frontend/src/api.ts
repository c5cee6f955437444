// The server's routes as functions; a refusal becomes a Refused, no answer becomes an Unreachable.
import type { Judgment, Me, Next } from "./types";

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

/** No answer, or "not now": worth asking again. */
export class Unreachable extends Error {}

const PATIENCE_MS = 20_000;

async function ask<T>(path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    throw new Unreachable("The server does not answer.");
  }
  if (response.ok) {
    return (await response.json()) as T;
  }
  if (response.status >= 500 || response.status === 429) {
    throw new Unreachable("The server cannot save just now.");
  }
  const reply = (await response.json().catch(() => null)) as {
    error?: { message?: string; code?: string | null };
  } | null;
  const message = reply?.error?.message ?? `The server refused (${response.status}).`;
  throw new Refused(response.status, reply?.error?.code ?? null, message);
}

export function fetchMe(): Promise<Me> {
  return ask<Me>("/api/me");
}

/** The next pair, those in `skipped` last. */
export function fetchNext(skipped: readonly string[]): Promise<Next> {
  const query = skipped.map((id) => `skip=${encodeURIComponent(id)}`).join("&");
  return ask<Next>(query ? `/api/next?${query}` : "/api/next");
}

export function postJudgment(judgment: Judgment): Promise<{ replayed: boolean }> {
  return ask("/api/judgments", judgment);
}

/** Takes back this labeller's last judgment and returns its pair again. */
export function postUndo(idempotencyKey: string): Promise<Next> {
  return ask<Next>("/api/undo", { idempotency_key: idempotencyKey });
}
