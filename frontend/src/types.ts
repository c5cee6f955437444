// What the server says and what the page sends; the same names as src/rather/web/labelling.py.

export type Choice = "A" | "B" | "tie" | "both_bad";

/** Text of a model or a person: `html` was rendered and sanitised by the server. */
export interface Rendered {
  html: string;
  text: string;
}

export interface Turn extends Rendered {
  role: string;
}

export interface Progress {
  done: number;
  remaining: number;
  goal: number;
}

export interface Guidelines {
  html: string;
  hash: string;
}

/** GET /api/next: a pair to judge, or (item_id null) nothing left. */
export interface Next {
  item_id: string | null;
  prompt: Turn[];
  left: Rendered | null;
  right: Rendered | null;
  progress: Progress;
  guidelines: Guidelines;
}

export interface Me {
  id: string;
  name: string;
  role: string;
  workspace: string;
}

/** POST /api/judgments */
export interface Judgment {
  item_id: string;
  choice: Choice;
  ms_to_decision: number;
  idempotency_key: string;
  guidelines_hash: string;
}
