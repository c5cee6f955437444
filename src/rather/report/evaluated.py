"""What was measured of policies and reward models, as the page shows it: frozen, JSON-able."""

from collections.abc import Mapping
from dataclasses import dataclass, field

JUDGES = {
    "human": "people",
    "gold": "gold score",
    "heldout": "held-out reward model",
    "llm": "language model",
    "judge": "independent judge",
    "reward": "reward model",
}
"""Who judges answers, by name and in words; the one to be believed first comes first."""


@dataclass(frozen=True)
class Rate:
    """A share of n cases with its 95 % interval, all between 0 and 1."""

    value: float
    low: float
    high: float
    n: int = 0


@dataclass(frozen=True)
class Preferred:
    """How often users of the served model preferred one version's answer to another's."""

    asked: str
    """The model they had asked for; empty where they had named both."""
    first: str
    second: str
    win_rate: Rate | None
    """Of the first; None where nothing was decided."""
    num_both_bad: int


@dataclass(frozen=True)
class Approved:
    """How often users called a version's answers good."""

    asked: str
    model: str
    share: Rate | None
    """None without a thumb."""
    num_corrected: int


@dataclass(frozen=True)
class InUse:
    """What users of the served model said, beside any evaluation."""

    num_kept: int
    """Answers that are kept."""
    num_reactions: int
    num_without_consent: int
    """Of those: counted, and never learnt from."""
    preferred: tuple[Preferred, ...] = ()
    approved: tuple[Approved, ...] = ()


@dataclass(frozen=True)
class PolicyResult:
    """One model on the held-out prompts; the win rates are against the baseline."""

    name: str
    stage: str = ""
    """base, sft, ppo or dpo."""
    is_baseline: bool = False
    win_rates: Mapping[str, Rate] = field(default_factory=dict)
    """By judge, as in `JUDGES`."""
    length_controlled: Mapping[str, Rate] = field(default_factory=dict)
    """The same with what length explains taken away."""
    means: Mapping[str, float] = field(default_factory=dict)
    """Mean score by scorer."""
    kl: float | None = None
    """Sequence KL to the reference, in nats."""
    kl_error: float | None = None
    mean_length: float | None = None
    """Tokens a completion."""
    eos_rate: float | None = None
    """Share of completions that stopped by themselves."""
    base_perplexity: float | None = None
    """Perplexity of the completions under the base model: fluency, as far as it can tell."""
    distinct_2: float | None = None
    """Different pairs of words over all of them."""
    refusal_rate: float | None = None
    """Share of answers that begin as refusals do."""
    repetitive_rate: float | None = None
    """Share of answers a fifth of whose four-word sequences were there before."""
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Of each held-out completion, by scorer."""
    lengths: tuple[int, ...] = ()
    """Tokens of each held-out completion."""


def rates_of(policy: PolicyResult) -> dict[str, Rate]:
    """Return the win rates a policy has, by judge, the one to be believed first in front."""
    return {judge: policy.win_rates[judge] for judge in JUDGES if judge in policy.win_rates}


@dataclass(frozen=True)
class Contest:
    """Two models before people, blind; the rates are the first one's."""

    first: str
    second: str
    win_rate: Rate
    length_controlled: Rate | None
    num_pairs: int
    num_judged: int
    num_labellers: int
    left_share: Rate
    """How often the left answer was chosen."""
    suggestion: str


@dataclass(frozen=True)
class Rating:
    """One version's rating with its 95 % interval: 400 points more are odds of ten to one."""

    name: str
    rating: float
    low: float
    high: float
    num_games: int


@dataclass(frozen=True)
class RatingTable:
    """Ratings by one kind of judge; versions of different groups were never compared."""

    judge: str
    groups: tuple[tuple[Rating, ...], ...]


@dataclass(frozen=True)
class Share:
    """How often a reward model agrees, beside the rule that the longer answer is better."""

    group: str
    accuracy: Rate
    longer_wins: float


@dataclass(frozen=True)
class CalibrationBin:
    """Pairs about which a reward model was about equally sure."""

    confidence: float
    accuracy: float
    n: int


@dataclass(frozen=True)
class RewardResult:
    """How well a reward model predicts held-out judgments."""

    name: str
    accuracy: Rate
    """On pairs of held-out prompts."""
    num_training_comparisons: int = 0
    baselines: Mapping[str, float] = field(default_factory=dict)
    """Accuracy of simple rules on the same pairs, for example `shorter wins`."""
    note: str = ""
    breakdowns: Mapping[str, tuple[Share, ...]] = field(default_factory=dict)
    """By what the pairs are grouped: agreement, length gap, strength, tag, labeller."""
    calibration: tuple[CalibrationBin, ...] = ()
    """Bins that have pairs, the least sure first."""


@dataclass(frozen=True)
class Disagreement:
    """A held-out pair that the reward model orders the other way than a labeller, and how far."""

    prompt: str
    better: str
    """What the labeller preferred."""
    worse: str
    margin: float
    """Score of the better one less the worse one's: below 0."""
    labeller: str
    is_simulated: bool


@dataclass(frozen=True)
class FrontierPoint:
    """A policy, or a step of its run, on the plane of KL and reward; the KL is to the baseline."""

    policy: str
    kl: float
    reward: float
