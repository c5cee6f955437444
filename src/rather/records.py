"""The nouns of the project: plain frozen records that every room hands to the next.

A prompt has completions; people (or declared simulators) judge completions; judgments become
comparisons and demonstrations, which is all a trainer ever sees. No torch, no database in here.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Split = Literal["train", "heldout"]
FinishReason = Literal["stop", "length", "imported"]
Kind = Literal["pair", "ranking", "demonstration", "correction", "thumb"]
Source = Literal[
    "label", "import", "api", "playground", "use", "resolution", "gold", "gold_check", "repeat"
]
"""Where a judgment came from. use: somebody whom a served model answered. resolution: an admin
settled a disagreement. gold: the truth of a control item. gold_check, repeat: a person's answer to
a control item, and their second answer to an item that was asked again; nothing learns from these
three."""
CHECK_SOURCES: frozenset[Source] = frozenset({"gold", "gold_check", "repeat"})
"""What says something about a labeller instead of an answer: nothing counts or learns it."""
TALK_SOURCES: frozenset[Source] = frozenset({"playground", "use"})
"""What was said where one asks what one likes: it trains, and measures nothing."""
Purpose = Literal["work", "gold", "repeat"]
RemarkKind = Literal["skip", "flag", "withdrawal", "restore", "retire"]
"""withdrawal takes a skip or flag back; an admin restores a flagged item, or retires it."""
Choice = Literal["A", "B", "tie", "both_bad"]
StageName = Literal["sft", "reward", "ppo", "dpo"]
WITHDRAWN = "withdrawn"
"""Source of a prompt that was taken back; the store keeps the one it had."""
NOT_ASKED = frozenset({"gold", WITHDRAWN}) | TALK_SOURCES
"""Sources of prompts that are no work of ours: control items, chats, what users asked, and what was
withdrawn."""
WrittenPrecision = Literal["auto", "float32", "bfloat16", "float16"]
"""Of weights that are written out; auto is what they have where they come from."""


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True)
class Prompt:
    """What a model is asked: a conversation, or (one nameless user turn) a plain text."""

    id: str
    messages: tuple[Message, ...]
    """The conversation so far; it ends before the assistant's answer."""
    split: Split
    """Held-out prompts never train anything; the split is drawn by prompt, never by pair."""
    is_text: bool = False
    """True when the prompt came as one plain string instead of a conversation."""
    source: str = ""
    """Where it came from, for example the imported file's name."""
    tags: tuple[str, ...] = ()

    @property
    def is_asked(self) -> bool:
        """Whether models are asked it: to sample, to learn by PPO, to be evaluated."""
        return self.source not in NOT_ASKED


@dataclass(frozen=True)
class Completion:
    """One answer to one prompt, with everything needed to know how it came to be."""

    id: str
    """sha256 of prompt id, model, sampling, seed and text, first 26 hex digits."""
    prompt_id: str
    text: str
    model: str
    """A version's name, `base`, an endpoint's model, `human` or `imported`."""
    sampling: dict[str, Any] = field(default_factory=dict)
    """temperature, top_p, max_new_tokens: the settings in force; purpose: evaluate, playground or
    use, where it was not sampled to be judged; contest, where it is judged against one other."""
    seed: int = 0
    finish_reason: FinishReason = "stop"
    num_tokens: int = 0

    @property
    def is_asked_about(self) -> bool:
        """Whether it was sampled to be judged: not in an evaluation, a contest, a chat or use."""
        return self.sampling.get("purpose") not in {"evaluate", "contest"} | TALK_SOURCES

    @property
    def contest(self) -> str:
        """The contest of two models that it stands in; empty for all others."""
        return str(self.sampling.get("contest", ""))


MAX_NAME_CHARACTERS = 80
"""Of a person's name."""


@dataclass(frozen=True)
class Labeller:
    """Who judges: a person, or a simulator that is declared as one everywhere it shows."""

    id: str
    name: str
    is_simulated: bool
    role: Literal["admin", "labeller"] = "labeller"
    settings: dict[str, Any] = field(default_factory=dict)
    """Of a simulator: its gold score, temperature and seed."""
    paused: str = ""
    """Why this person is asked nothing for now; empty while they are."""


@dataclass(frozen=True)
class Judgment:
    """One act of feedback, append-only: an edit is a new event that names the one it supersedes."""

    id: str
    """Sortable by time (ULID)."""
    kind: Kind
    prompt_id: str
    labeller_id: str
    answer: dict[str, Any]
    """What was said, in the shape its kind declares (`rather.feedback.<kind>`)."""
    created_at: str
    """UTC, ISO 8601 with microseconds."""
    idempotency_key: str
    is_simulated: bool
    source: Source = "label"
    guidelines_hash: str = ""
    ms_to_decision: int | None = None
    supersedes: str | None = None
    is_retraction: bool = False
    """True: the event named by `supersedes` no longer counts and nothing takes its place."""
    comment: str = ""
    """What the labeller added in words; for people only, nothing learns from it."""
    has_consent: bool = True
    """Whether models may learn from it: who labels knows what for, who uses a model is asked. Of a
    retraction False: it was consent that was taken back."""


@dataclass(frozen=True)
class Assignment:
    """One item as it was put before one labeller; it keeps its order on every visit."""

    item: str
    """`rather.feedback.items.item_name` of what is judged, without order."""
    labeller_id: str
    purpose: Purpose
    kind: Kind
    prompt_id: str
    completion_ids: tuple[str, ...]
    """As shown: left before right, top before bottom."""
    created_at: str
    expires_at: str
    """UTC; until then nobody else is asked in this labeller's place."""


@dataclass(frozen=True)
class Remark:
    """Something said about an item that is no answer to it: an event, as judgments are."""

    id: str
    what: RemarkKind
    item: str
    labeller_id: str
    reason: str
    comment: str
    created_at: str
    idempotency_key: str
    supersedes: str | None = None
    """Of a withdrawal: the remark that no longer counts."""


@dataclass(frozen=True)
class Glimpse:
    """What a run's model answered to one fixed prompt at one step."""

    step: int
    prompt_id: str
    text: str
    num_tokens: int
    finish_reason: FinishReason
    score: float | None = None
    """The training reward, where the stage has one."""
    kl: float | None = None
    """Nats to the reference over the whole answer, where it was measured."""


@dataclass(frozen=True)
class Question:
    """An item that was chosen to be asked."""

    item: str
    """`rather.feedback.items.item_name`."""
    kind: Kind
    prompt_id: str
    is_random: bool
    """True: drawn by chance, so that what is said of it measures without bias."""
    chosen_at: str
    reasons: dict[str, float] = field(default_factory=dict)
    """What spoke for it (disagreement, closeness, drift, coverage); empty where it was drawn."""


@dataclass(frozen=True)
class Round:
    """One turn of the loop, from the answers of a policy to the one that follows it."""

    number: int
    """From 1 on."""
    start: str
    """The policy whose answers are judged and which is tuned."""
    judgments_before: int
    """Sequence number of the last judgment before it."""
    started_at: str
    status: Literal["running", "promoted", "rolled_back", "unchanged"] = "running"
    judgments_until: int | None = None
    """Sequence number of the last judgment it learns from; None while it waits for more."""
    done: dict[str, Any] = field(default_factory=dict)
    """What its finished stages answered, in short, by stage."""
    policy: str | None = None
    """The policy in force after it."""
    why: str = ""
    """Why that one."""
    finished_at: str | None = None


@dataclass(frozen=True)
class Comparison:
    """One prompt with n judged completions: a pair is n = 2, a ranking n = K."""

    prompt: Prompt
    completions: tuple[str, ...]
    ranks: tuple[int, ...]
    """1 is best; equal numbers are ties."""
    strength: int = 1
    """1 slightly, 2 clearly, 3 much better (pairs only)."""
    is_cut_off: tuple[bool, ...] = ()
    """True where the length limit ended a completion: it has no stop token. Empty: none was."""
    judgment_id: str = ""
    is_simulated: bool = False


@dataclass(frozen=True)
class Demonstration:
    """An ideal answer somebody wrote, or (prompt None) plain text to continue training on."""

    prompt: Prompt | None
    completion: str
    judgment_id: str = ""


@dataclass(frozen=True)
class Learnt:
    """What a version learnt from, by id; kept beside its weights."""

    judgments: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelVersion:
    """A trained model of the workspace: where it lies, what it grew from, what made it."""

    name: str
    """`<stage>-<n>`, for example ppo-1."""
    stage: StageName
    base: str
    """The model its adapter sits on, as named in the configuration."""
    parents: tuple[str, ...]
    """Versions it grew from (an SFT adapter, the reward model it was tuned against)."""
    run_id: str
    path: str
    """Folder below the workspace."""
    created_at: str
    metrics: dict[str, float] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    """Config, data digest, judgment ids, tokenizer and template hashes, library versions."""


@dataclass(frozen=True)
class Run:
    """One execution of a stage; the same inputs give the same id, which is how it resumes."""

    id: str
    stage: str
    config: dict[str, Any]
    data_digest: str
    status: Literal["running", "done", "stopped", "failed"]
    started_at: str
    finished_at: str | None = None
    message: str = ""


@dataclass(frozen=True)
class Alarm:
    """What a stop rule says about one step of a run."""

    rule: str
    severity: Literal["warn", "stop"]
    sentence: str
