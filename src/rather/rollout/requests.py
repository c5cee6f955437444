"""What is asked of a sampler, and what comes back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from rather.records import FinishReason


@dataclass(frozen=True)
class Request:
    """One prompt to answer, with one seed for each completion wanted."""

    prompt_ids: tuple[int, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Sampled:
    """One sampled completion; its ids end with the stop token when it stopped by itself."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Of each token, at the sampling temperature, before any top-p filter."""
    finish_reason: FinishReason


@dataclass(frozen=True)
class Settings:
    """How tokens are drawn; temperature 0 takes the likeliest."""

    temperature: float
    max_new_tokens: int
    stop_ids: tuple[int, ...]
    top_p: float = 1.0
    top_logprobs: int | None = None
    """How many of the likeliest tokens are noted beside each drawn one; None notes nothing."""


@dataclass(frozen=True)
class Likelihood:
    """What the model thought of a drawn token, whatever it was drawn with: at temperature 1."""

    logprob: float
    top: tuple[tuple[int, float], ...]
    """The likeliest tokens in its place with their log-probabilities, the likeliest first."""


@dataclass(eq=False)
class Completion:
    """A completion that grows token by token."""

    uniforms: tuple[float, ...]
    """What its tokens are drawn with: numbers in [0, 1), from a generator of its own seed."""
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    likelihoods: list[Likelihood] = field(default_factory=list)
    """Of each token, where the settings ask for them."""
    finish_reason: FinishReason | None = None
    """None while it grows."""

    def result(self) -> Sampled:
        """What it came to."""
        assert self.finish_reason is not None
        return Sampled(tuple(self.ids), tuple(self.logprobs), self.finish_reason)


class Asker(NamedTuple):
    """Who asks, where an engine serves several."""

    client: str = ""
    """Clients have equal parts of the prompt tokens of a step."""
    circle: str = ""
    """Those who may share what was computed of equal prompts."""
    goes_on: bool = True
    """Whether its prompts go on from what is remembered; else they are computed anew, by the same
    products each time, to the last bit."""


NOBODY = Asker()
"""Everything is asked by one."""


def unheard(number: int, token: int, logprob: float) -> None:
    """Nobody listens."""


@dataclass(eq=False)
class Ticket:
    """A request that was handed in, and what there is of its completions."""

    request: Request
    settings: Settings
    adapter: str | None
    limit: int
    """Tokens after which its completions are cut: as many as were wanted, or the context allows."""
    heard: Callable[[int, int, float], None]
    """Called with (number of the completion, token, its log-probability) as each is drawn."""
    completions: list[Completion]
    asker: Asker = NOBODY
    is_cancelled: bool = False
    is_begun: bool = False
    """Whether anything of it was computed."""
    num_known: int = 0
    """Tokens of its prompt that were known from past texts, once it is begun."""

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come."""
        return self.is_cancelled or all(one.finish_reason for one in self.completions)

    def add(self, number: int, token: int, logprob: float) -> None:
        """One more token of a completion, which may be its last."""
        completion = self.completions[number]
        completion.ids.append(token)
        completion.logprobs.append(logprob)
        if token in self.settings.stop_ids:
            completion.finish_reason = "stop"
        elif len(completion.ids) == self.limit:
            completion.finish_reason = "length"
        self.heard(number, token, logprob)

    def results(self) -> list[Sampled]:
        """Its completions in the order of the seeds, once all have ended."""
        return [one.result() for one in self.completions]


def limited(
    request: Request,
    settings: Settings,
    adapter: str | None,
    heard: Callable[[int, int, float], None],
    context: int,
    asker: Asker = NOBODY,
) -> Ticket:
    """A request's ticket; what does not fit the context cannot be trained on or scored, so its
    completions end there."""
    room = max(1, context - len(request.prompt_ids))
    completions = [Completion(uniforms(seed, settings)) for seed in request.seeds]
    limit = min(settings.max_new_tokens, room)
    return Ticket(request, settings, adapter, limit, heard, completions, asker)


def uniforms(seed: int, settings: Settings) -> tuple[float, ...]:
    """A completion's numbers, in float64: in float32 the last of them round to 1, where no token
    lies. The greedy need none."""
    if settings.temperature == 0:
        return ()
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.rand(settings.max_new_tokens, generator=generator, dtype=torch.float64)
    return tuple(numbers.tolist())
