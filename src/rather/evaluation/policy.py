"""What a policy writes on held-out prompts, and how it compares with a baseline's answers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from rather.data.batch import Row
from rather.equations.length_control import length_controlled
from rather.evaluation.statistics import Interval, mean, outcomes, standard_error, win_rate
from rather.models.roles import Policy
from rather.progress import Progress
from rather.records import Completion
from rather.rollout.tables import sequence_logprobs, with_lower_states


@dataclass(frozen=True)
class Answers:
    """One model's answer to each held-out prompt, with what was measured of it."""

    model: str
    completions: tuple[Completion, ...]
    """In the order of the prompts."""
    scores: Mapping[str, tuple[float, ...]]
    """By scorer (reward, heldout, gold, judge): one number an answer."""
    kls: tuple[float, ...]
    """Of each answer Σ_t log π − log π_ref, in nats; 0 for the reference itself."""
    baseline_kls: tuple[float, ...]
    """The same to the baseline, which all models of an evaluation have in common."""
    base_perplexity: float
    """exp of the base model's mean negative log-likelihood a token of these answers."""

    @property
    def kl(self) -> float:
        """Mean over answers, in nats."""
        return mean(self.kls)

    @property
    def baseline_kl(self) -> float:
        """Mean over answers, in nats."""
        return mean(self.baseline_kls)

    @property
    def kl_error(self) -> float:
        """Its standard error."""
        return standard_error(self.kls)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each answer."""
        return [one.num_tokens for one in self.completions]

    @property
    def mean_length(self) -> float:
        """Tokens an answer."""
        return mean([float(one.num_tokens) for one in self.completions])

    @property
    def eos_rate(self) -> float:
        """Share of answers that ended by themselves."""
        return mean([float(one.finish_reason == "stop") for one in self.completions])


@dataclass(frozen=True)
class Measures:
    """By whom and how answers are measured."""

    writer: Policy
    reference: Policy
    """What the writer was tuned from: KL is taken to it, at the sampling temperature."""
    base: Policy
    """The baseline: whose perplexity of the answers is reported, at temperature 1."""
    scorers: Mapping[str, Callable[[Sequence[Row]], Sequence[float]]]
    """One score an answer from each, by name: reward, heldout, gold, judge."""
    temperature: float
    microbatch_tokens: int
    progress: Progress = field(default_factory=lambda: Progress(quiet=True))


def measure(
    model: str,
    completions: Sequence[Completion],
    rows: Sequence[Row],
    measures: Measures,
) -> Answers:
    """Measure one model's answers, one a row."""
    own, ref, base, plain = _likelihoods(model, rows, measures)
    num_tokens = sum(len(row.completions[0]) for row in rows)
    return Answers(
        model=model,
        completions=tuple(completions),
        scores={name: tuple(scorer(rows)) for name, scorer in measures.scorers.items()},
        kls=tuple((own - ref).tolist()),
        baseline_kls=tuple((own - base).tolist()),
        base_perplexity=math.exp(-plain.sum().item() / num_tokens),
    )


def _likelihoods(
    model: str, rows: Sequence[Row], measures: Measures
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Σ_t log π of each answer [B]: by its writer, the writer's reference, the base, all at the
    sampling temperature, and the base at T = 1.

    A policy that is asked twice (the base is its own writer and reference) runs once.
    """
    wanted: dict[Policy, list[float]] = {}
    asked = [
        (measures.writer, measures.temperature),
        (measures.reference, measures.temperature),
        (measures.base, measures.temperature),
        (measures.base, 1.0),
    ]
    for policy, temperature in asked:
        temperatures = wanted.setdefault(policy, [])
        temperatures += [] if temperature in temperatures else [temperature]
    tokens = measures.microbatch_tokens
    rows = with_lower_states(measures.writer, rows, tokens)
    title = f"log-probabilities of {model}"
    with measures.progress.track(title, len(wanted) * len(rows), "answers") as task:
        found = {
            policy: sequence_logprobs(
                policy, rows, tokens, temperatures=temperatures, advance=task.advance
            )
            for policy, temperatures in wanted.items()
        }
    own, ref, base, plain = (found[policy][wanted[policy].index(t)] for policy, t in asked)
    return own, ref, base, plain


def win_rates(ours: Answers, theirs: Answers) -> dict[str, Interval]:
    """Win rate of ours over theirs under each scorer both were measured by."""
    return {
        name: win_rate(scores, theirs.scores[name])
        for name, scores in ours.scores.items()
        if name in theirs.scores
    }


def length_controlled_rates(ours: Answers, theirs: Answers) -> dict[str, Interval]:
    """The same win rates with what length explains taken away."""
    return {
        name: length_controlled(outcomes(scores, theirs.scores[name]), longer_by(ours, theirs))
        for name, scores in ours.scores.items()
        if name in theirs.scores
    }


def longer_by(ours: Answers, theirs: Answers) -> list[float]:
    """How many tokens longer our answer to each prompt is."""
    return [float(a - b) for a, b in zip(ours.lengths, theirs.lengths, strict=True)]
