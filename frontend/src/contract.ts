// Made from src/rather/web/contract by `python -m rather.web.typescript`; not by hand.

/** One answer with where it came from. */
export interface AdminAnswer {
  html: string;
  text: string;
  completion_id: string;
  model: string;
  sampling: Record<string, string>;
  num_tokens: number;
  leaks: string[];
}

/** One event about the item, retracted and superseded ones included. */
export interface AdminJudgment {
  judgment_id: string;
  labeller_id: string;
  labeller: string;
  is_simulated: boolean;
  source: "label" | "import" | "api" | "playground" | "use" | "resolution" | "gold" | "gold_check" | "repeat";
  has_consent: boolean;
  said: PairSaid | RankingSaid | DemonstrationSaid | CorrectionSaid | ThumbSaid;
  shown: string[];
  comment: string;
  created_at: string;
  ms_to_decision: number | null;
  guidelines_hash: string;
  is_live: boolean;
}

/** A skip, a flag, or what an admin did about it. */
export interface AdminRemark {
  what: string;
  labeller: string;
  reason: string;
  comment: string;
  created_at: string;
  is_live: boolean;
}

/** Between people, over items that at least two of them judged. */
export interface Agreement {
  num_items: number;
  raw: Measured;
  alpha: Measured;
  labellers: string[];
  kappa: ((Measured | null)[])[];
  ceiling: Measured;
}

/** What a rule said at a step. */
export interface AlarmInfo {
  step: number;
  rule: string;
  severity: "warn" | "stop";
  sentence: string;
}

/** In the order of the request's models, or shuffled where blind. */
export interface AskReply {
  columns: Column[];
}

/** POST /api/admin/playground/answers: every model answers the conversation's last user turn. */
export interface AskRequest {
  messages: ChatTurn[];
  models: string[];
  is_blind?: boolean;
  temperature?: number;
  max_new_tokens?: number;
  idempotency_key: string;
}

/** One turn said so far. */
export interface ChatTurn {
  role: "system" | "user" | "assistant";
  content: string;
}

/** One answer; `answer_id` names it in what follows. */
export interface Column {
  html: string;
  text: string;
  answer_id: string;
  raw: string;
  model: string | null;
  num_tokens: number;
  seconds: number;
  is_cut_off: boolean;
}

/** Answer number `place` of the task, edited; possible on every task that shows answers. */
export interface CorrectionSaid {
  kind: "correction";
  text: string;
  place: number;
}

/** How much there is. */
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

/** One metric of one run; `since` cuts it. */
export interface Curve {
  name: string;
  label: string;
  group: "reward" | "kl" | "length" | "loss" | "speed" | "other";
  steps: number[];
  values: (number | null)[];
}

/** The ideal answer. */
export interface DemonstrationSaid {
  kind: "demonstration";
  text: string;
}

/** It is stored. */
export interface Done {
  replayed: boolean;
}

/** What somebody has begun to write about an item; every field may still be empty. */
export interface Draft {
  text: string;
  comment: string;
}

/** PUT /api/drafts/{item_id}: kept on the server, renews the lease; an empty one removes it. */
export interface DraftRequest {
  draft: Draft;
}

/** POST /api/admin/playground/corrections: a better text for one answer. */
export interface EditRequest {
  answer_id: string;
  text: string;
  idempotency_key: string;
}

/** What went wrong, in words for people and codes for programs. */
export interface Fault {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

/** Every answer of the API that is not a success. */
export interface FaultReply {
  error: Fault;
}

/** How near a stop rule is. */
export interface Gauge {
  rule: string;
  says: string;
  value: number | null;
  warn_at: number | null;
  stop_at: number | null;
  rises: boolean;
  state: "quiet" | "warned" | "stopped" | "unknown";
}

/** What this labeller said about the item before. */
export interface Given {
  judgment_id: string;
  said: PairSaid | RankingSaid | DemonstrationSaid | CorrectionSaid | ThumbSaid;
  comment: string;
  created_at: string;
}

/** One answer to one fixed prompt at one step. */
export interface GlimpseInfo {
  html: string;
  text: string;
  step: number;
  num_tokens: number;
  is_cut_off: boolean;
  score: number | null;
  kl: number | null;
}

/** GET /api/admin/runs/{id}/answers */
export interface GlimpsesReply {
  prompts: Watched[];
}

/** What labellers are told, and which version of it. */
export interface Guidelines {
  html: string;
  hash: string;
}

/** One past judgment of this labeller. */
export interface HistoryEntry {
  judgment_id: string;
  item_id: string;
  said: PairSaid | RankingSaid | DemonstrationSaid | CorrectionSaid | ThumbSaid;
  comment: string;
  created_at: string;
  prompt: string;
}

/** GET /api/history?before=JUDGMENT_ID: the newest 50 live judgments, then those before. */
export interface HistoryReply {
  entries: HistoryEntry[];
  next_before: string | null;
}

/** The link, shown once: the server keeps only its hash. */
export interface InvitationReply {
  id: string;
  name: string;
  path: string;
  expires_at: string;
}

/** POST /api/admin/people: a new person with a link to send them. */
export interface InviteRequest {
  name: string;
  role?: "admin" | "labeller";
}

/** POST /api/admin/items/{item_id}/decide: ask it again, or ask it nobody any more. */
export interface ItemDecisionRequest {
  what: "restore" | "retire";
  comment?: string;
  idempotency_key: string;
}

/** GET /api/admin/items/{item_id} */
export interface ItemReply {
  item_id: string;
  kind: "pair" | "ranking" | "demonstration" | "correction" | "thumb";
  purpose: "work" | "gold" | "repeat";
  split: string;
  tags: string[];
  prompt: Turn[];
  answers: AdminAnswer[];
  judgments: AdminJudgment[];
  remarks: AdminRemark[];
  state: ("all" | "disagreement" | "settled" | "flagged" | "hidden" | "skipped" | "leak" | "gold" | "no_consent")[];
}

/** One item in a list. */
export interface ItemSummary {
  item_id: string;
  kind: "pair" | "ranking" | "demonstration" | "correction" | "thumb";
  prompt: string;
  judgments: number;
  state: ("all" | "disagreement" | "settled" | "flagged" | "hidden" | "skipped" | "leak" | "gold" | "no_consent")[];
}

/** GET /api/admin/items?state=&labeller=&query=&before=: 50 at a time. */
export interface ItemsReply {
  items: ItemSummary[];
  total: number;
  next_before: string | null;
}

/** The judgment is on disk; `replayed` where its idempotency key was known already. */
export interface JudgmentReply {
  judgment_id: string;
  item_id: string;
  replayed: boolean;
  notice: string | null;
}

/** POST /api/judgments: one answer; the server knows which completions were shown where. */
export interface JudgmentRequest {
  item_id: string;
  said: PairSaid | RankingSaid | DemonstrationSaid | CorrectionSaid | ThumbSaid;
  ms_to_decision: number;
  idempotency_key: string;
  guidelines_hash: string;
  comment?: string;
  supersedes?: string | null;
}

/** One labeller's work, as numbers. */
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

/** GET /api/me: who is logged in, and where. */
export interface MeReply {
  id: string;
  name: string;
  role: "admin" | "labeller";
  workspace: string;
  question: Question;
}

/** A number with its 95 % interval, or the reason why there is none. */
export interface Measured {
  value: number | null;
  low: number | null;
  high: number | null;
  n: number;
  reason: string | null;
}

/** GET /api/admin/playground/models: `base` first, then policies by age. */
export interface ModelsReply {
  models: string[];
  can_answer: boolean;
  reason: string | null;
}

/** GET /api/next?count=1..20&skip=ITEM...: kept for this labeller; [] when none is left. */
export interface NextReply {
  tasks: Task[];
  progress: Progress;
  guidelines: Guidelines;
  notice: string | null;
  is_paused: boolean;
}

/** GET /api/admin/overview */
export interface OverviewReply {
  kind: "pair" | "ranking" | "demonstration" | "correction" | "thumb";
  counts: Counts;
  pace: Pace;
  agreement: Agreement;
  left_picks: Measured;
  people: Labelled[];
  guidelines: [string, number][];
}

/** How fast judgments come. */
export interface Pace {
  per_day: [string, number][];
  last_hour: number;
  per_hour: number | null;
  eta_hours: number | null;
}

/** A is the first answer of the task (left), B the second (right). */
export interface PairSaid {
  kind: "pair";
  choice: "A" | "B" | "tie" | "both_bad";
  strength: number | null;
  dimensions: Record<string, "A" | "B" | "tie">;
}

/** GET /api/admin/people */
export interface PeopleReply {
  people: PersonInfo[];
}

/** One person, or one declared simulator. */
export interface PersonInfo {
  id: string;
  name: string;
  role: "admin" | "labeller";
  is_simulated: boolean;
  paused: string;
  judgments: number;
  sessions: SessionInfo[];
  has_open_invitation: boolean;
}

/** PUT /api/admin/people/{id}: the last admin cannot be made a labeller. */
export interface PersonRequest {
  role?: "admin" | "labeller" | null;
  paused?: string | null;
}

/** POST /api/admin/playground/judgments: "I'd rather have this one", over all the others. */
export interface PickRequest {
  answer_ids: string[];
  choice: number | "tie" | "both_bad";
  comment?: string;
  idempotency_key: string;
}

/** How far this labeller and the team are. */
export interface Progress {
  done: number;
  remaining: number;
  goal: number;
  done_today: number;
  team: number;
}

/** What the project asks. */
export interface Question {
  kind: "pair" | "ranking" | "demonstration" | "correction" | "thumb";
  text: string;
  dimensions: string[];
  ask_strength: boolean;
}

/** `ranks[i]` is the rank of answer i of the task; 1 is best, equal numbers are ties. */
export interface RankingSaid {
  kind: "ranking";
  ranks: number[];
}

/** POST /api/remarks: skip (the item goes to others) or flag (something is wrong with it). */
export interface RemarkRequest {
  item_id: string;
  what: "skip" | "flag";
  reason: "too_hard" | "broken" | "offensive" | "not_my_field" | "other";
  comment?: string;
  idempotency_key: string;
}

/** A text twice: sanitised HTML, and as it is with hidden characters made visible. */
export interface Rendered {
  html: string;
  text: string;
}

/** Who had answered, in the order of `answer_ids`. */
export interface Revealed {
  judgment_id: string;
  models: string[];
}

/** GET /api/admin/runs/{id}?since=STEP: steps after `since` only, so that a page can follow. */
export interface RunReply {
  run: RunSummary;
  curves: Curve[];
  gauges: Gauge[];
  alarms: AlarmInfo[];
  last_step: number;
}

/** One run of one stage. */
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

/** GET /api/admin/runs: the newest first. */
export interface RunsReply {
  runs: RunSummary[];
}

/** One browser that is logged in; `id` names it, it is no key to it. */
export interface SessionInfo {
  id: string;
  created_at: string;
  is_current: boolean;
}

/** POST /api/admin/items/{item_id}/settle: one answer that replaces what the judges said. */
export interface SettleRequest {
  said: PairSaid | RankingSaid | DemonstrationSaid | CorrectionSaid | ThumbSaid;
  comment?: string;
  idempotency_key: string;
}

/** One item as this labeller sees it, the same on every visit. */
export interface Task {
  item_id: string;
  kind: "pair" | "ranking" | "demonstration" | "correction" | "thumb";
  prompt: Turn[];
  answers: Rendered[];
  draft: Draft | null;
  given: Given | null;
}

/** Good or bad. */
export interface ThumbSaid {
  kind: "thumb";
  is_good: boolean;
}

/** One turn of the prompt's conversation. */
export interface Turn {
  html: string;
  text: string;
  role: string;
}

/** POST /api/undo: takes a judgment of this labeller back, and its item is asked again. */
export interface UndoRequest {
  idempotency_key: string;
  judgment_key?: string | null;
}

/** One fixed prompt and what the run's model answered to it over time, oldest first. */
export interface Watched {
  prompt: Rendered;
  answers: GlimpseInfo[];
}

/** POST /api/remarks/withdraw: takes a skip or flag back, named by its key. */
export interface WithdrawalRequest {
  remark_key: string;
  idempotency_key: string;
}
