// Asking the server: what is refused or not answered becomes a Failure that says so in a sentence.

/** `status` is the server's, 0 where it did not answer at all. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }

  /** Whether asking again later may bring another answer. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const PATIENCE_MS = 20_000;

type Method = "GET" | "POST" | "PUT" | "DELETE";

export interface Asking {
  body?: unknown;
  /** Ends the asking; without one it ends by itself after twenty seconds. */
  signal?: AbortSignal;
}

/** The raw response of a route, already known to be a good one. */
export async function send(method: Method, path: string, asking: Asking = {}): Promise<Response> {
  const { body, signal = AbortSignal.timeout(PATIENCE_MS) } = asking;
  // The guard wants JSON of every write, of a DELETE without a body too.
  const isWrite = method !== "GET";
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: isWrite ? { "Content-Type": "application/json" } : {},
      body: isWrite ? JSON.stringify(body ?? {}) : null,
      signal,
    });
  } catch {
    throw new Failure(0, "The server does not answer.");
  }
  if (!response.ok) {
    throw await failureOf(response);
  }
  return response;
}

async function failureOf(response: Response): Promise<Failure> {
  const reply = (await response.json().catch(() => null)) as {
    error?: { message?: string };
  } | null;
  const message = reply?.error?.message ?? `The server refused (${response.status}).`;
  return new Failure(response.status, message);
}

async function read<T>(method: Method, path: string, asking: Asking = {}): Promise<T> {
  const response = await send(method, path, asking);
  return (await response.json()) as T;
}

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> =>
  read<T>("GET", path, signal ? { signal } : {});
export const post = <T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> =>
  read<T>("POST", path, signal ? { body, signal } : { body });
export const put = <T>(path: string, body: unknown): Promise<T> => read<T>("PUT", path, { body });
export const remove = <T>(path: string): Promise<T> => read<T>("DELETE", path);

/** A fresh idempotency key: the same one again is the same act. */
export function newKey(): string {
  // Not randomUUID: over plain HTTP from another machine it does not exist.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What went wrong as a sentence for the page. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `?a=1&b=2` of what is set; empty texts are left out. */
export function queryOf(parts: Record<string, string | null | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) {
    if (value) {
      query.set(name, value);
    }
  }
  const text = query.toString();
  return text && `?${text}`;
}
