// What the admin pages send and get; the same names as src/rather/web/contract/.

export type Kind = "pair" | "ranking" | "demonstration" | "correction" | "thumb";
export type Choice = "A" | "B" | "tie" | "both_bad";

/** `html` was rendered and sanitised by the server, `text` has hidden characters made visible. */
export interface Rendered {
  html: string;
  text: string;
}

export interface Turn extends Rendered {
  role: string;
}

export interface Me {
  id: string;
  name: string;
  role: "admin" | "labeller";
  workspace: string;
}

export type Said =
  | {
      kind: "pair";
      choice: Choice;
      strength: number | null;
      dimensions: Record<string, "A" | "B" | "tie">;
    }
  | { kind: "ranking"; ranks: number[] }
  | { kind: "demonstration"; text: string }
  | { kind: "correction"; text: string; place: number }
  | { kind: "thumb"; is_good: boolean };

/** A number with its 95 % interval, or the reason why there is none. */
export interface Measured {
  value: number | null;
  low: number | null;
  high: number | null;
  n: number;
  reason: string | null;
}

export interface Pace {
  per_day: [string, number][];
  last_hour: number;
  per_hour: number | null;
  eta_hours: number | null;
}

export interface Counts {
  items: number;
  open_items: number;
  judgments: number;
  simulated: number;
  goal: number;
  skipped: number;
  flagged: number;
  hidden: number;
  disagreements: number;
  leaks: number;
  extra: number;
}

export interface Agreement {
  num_items: number;
  raw: Measured;
  alpha: Measured;
  labellers: string[];
  kappa: (Measured | null)[][];
  ceiling: Measured;
}

export interface Labelled {
  id: string;
  name: string;
  is_simulated: boolean;
  judgments: number;
  skips: number;
  flags: number;
  gold: Measured;
  consistency: Measured;
  left_picks: Measured;
  median_ms: number | null;
  fast: number;
  paused: string;
}

export interface OverviewReply {
  kind: Kind;
  counts: Counts;
  pace: Pace;
  agreement: Agreement;
  left_picks: Measured;
  people: Labelled[];
  guidelines: [string, number][];
}

export type ItemState =
  | "all"
  | "disagreement"
  | "settled"
  | "flagged"
  | "hidden"
  | "skipped"
  | "leak"
  | "gold";

export interface ItemSummary {
  item_id: string;
  kind: Kind;
  prompt: string;
  judgments: number;
  state: ItemState[];
}

export interface ItemsReply {
  items: ItemSummary[];
  total: number;
  next_before: string | null;
}

export interface AdminAnswer extends Rendered {
  completion_id: string;
  model: string;
  sampling: Record<string, string>;
  num_tokens: number;
  leaks: string[];
}

export interface AdminJudgment {
  judgment_id: string;
  labeller_id: string;
  labeller: string;
  is_simulated: boolean;
  source: string;
  said: Said;
  shown: string[];
  comment: string;
  created_at: string;
  ms_to_decision: number | null;
  guidelines_hash: string;
  is_live: boolean;
}

export interface AdminRemark {
  what: string;
  labeller: string;
  reason: string;
  comment: string;
  created_at: string;
  is_live: boolean;
}

export interface ItemReply {
  item_id: string;
  kind: Kind;
  purpose: "work" | "gold" | "repeat";
  split: string;
  tags: string[];
  prompt: Turn[];
  answers: AdminAnswer[];
  judgments: AdminJudgment[];
  remarks: AdminRemark[];
  state: ItemState[];
}

export interface SessionInfo {
  id: string;
  created_at: string;
  is_current: boolean;
}

export type Role = "admin" | "labeller";

export interface PersonInfo {
  id: string;
  name: string;
  role: Role;
  is_simulated: boolean;
  paused: string;
  judgments: number;
  sessions: SessionInfo[];
  has_open_invitation: boolean;
}

export interface PeopleReply {
  people: PersonInfo[];
}

export interface InvitationReply {
  id: string;
  name: string;
  path: string;
  expires_at: string;
}

export interface RunSummary {
  id: string;
  stage: string;
  status: "running" | "done" | "failed" | "stopped";
  started_at: string;
  finished_at: string | null;
  message: string;
  num_steps: number;
  version: string | null;
}

export interface RunsReply {
  runs: RunSummary[];
}

export type CurveGroup = "reward" | "kl" | "length" | "loss" | "speed" | "other";

export interface Curve {
  name: string;
  label: string;
  group: CurveGroup;
  steps: number[];
  values: (number | null)[];
}

export interface Gauge {
  rule: string;
  says: string;
  value: number | null;
  warn_at: number | null;
  stop_at: number | null;
  rises: boolean;
  state: "quiet" | "warned" | "stopped" | "unknown";
}

export interface AlarmInfo {
  step: number;
  rule: string;
  severity: "warn" | "stop";
  sentence: string;
}

export interface RunReply {
  run: RunSummary;
  curves: Curve[];
  gauges: Gauge[];
  alarms: AlarmInfo[];
  last_step: number;
}

export interface GlimpseInfo extends Rendered {
  step: number;
  num_tokens: number;
  is_cut_off: boolean;
  score: number | null;
  kl: number | null;
}

export interface Watched {
  prompt: Rendered;
  answers: GlimpseInfo[];
}

export interface GlimpsesReply {
  prompts: Watched[];
}

export interface ModelsReply {
  models: string[];
  can_answer: boolean;
  reason: string | null;
}

export interface ChatTurn {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface Column extends Rendered {
  answer_id: string;
  raw: string;
  model: string | null;
  num_tokens: number;
  seconds: number;
  is_cut_off: boolean;
}

export interface AskReply {
  columns: Column[];
}

export interface Revealed {
  judgment_id: string;
  models: string[];
}
