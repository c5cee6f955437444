"""What the API asks of whoever generates: this machine's own engine, or a vLLM server behind it.

The API tokenizes prompts itself, so that every backend is asked for the same tokens.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

EndReason = Literal["stop", "length", "abort"]
"""Why a completion ended: by itself or a stop text, at its limit, or because the server did."""


@dataclass(frozen=True)
class Wish:
    """One prompt to be answered, checked and tokenized."""

    prompt_ids: tuple[int, ...]
    model: str
    """`base` or a version's name, never an alias."""
    seeds: tuple[int, ...]
    """One for each completion wanted."""
    max_new_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    """Texts that end a completion; they are not part of it."""
    top_logprobs: int | None = None
    """How many of the likeliest tokens come beside each drawn one; None: no log-probabilities."""
    client: str = ""
    """Whose it is: clients take turns."""
    is_seeded: bool = False
    """Whether the client named the seed, and expects the same answer again."""


@dataclass(frozen=True)
class TokenLogprob:
    """A drawn token, and the likeliest in its place."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Piece:
    """What is new of one completion."""

    number: int
    """Which of the wish's completions."""
    text: str
    """Whole characters; empty while a character is incomplete or may begin a stop text."""
    num_tokens: int
    """Drawn since the piece before, the stop token among them."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of those tokens at temperature 1, where they were wanted; a stop token has none."""
    finish_reason: EndReason | None = None
    """Set in a completion's last piece."""
    num_known: int | None = None
    """Set in a completion's first piece where the engine says it: tokens of the prompt that were
    not computed again, for an earlier text began alike."""


class QueueFull(Exception):
    """More is waiting than the server takes; come back later."""


class EngineDown(Exception):
    """The engine broke, and what it had begun is lost; the message is a sentence for clients."""


class Backend(Protocol):
    """Generates with the base and the versions it has loaded; lives on one event loop."""

    @property
    def holds_whole_models(self) -> bool:
        """Whether versions can be served that are no adapters on the base."""

    async def start(self) -> None:
        """Load the base; returns when requests can be answered."""

    async def close(self, grace_s: float) -> None:
        """Take nothing more, let what runs finish for so long, then end it with `abort`."""

    def generate(self, wish: Wish) -> AsyncGenerator[Piece, None]:
        """The pieces of the wish's completions as they come; closing it cancels.

        Raises QueueFull before the first piece where too much is waiting, EngineDown where the
        engine breaks.
        """

    async def score(
        self, model: str, prompt_ids: Sequence[int], completions: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Scores of completions of one prompt, by each member of a reward version: [M][N]."""

    async def load(self, version: str) -> None:
        """Make a version available, a policy or a reward model; one that is stays so.

        A bad one raises DataError and disturbs nothing else.
        """

    async def unload(self, version: str) -> None:
        """Let a version go when its last running request has ended."""

    def loaded(self) -> tuple[str, ...]:
        """Versions that are available, without `base`."""

    def is_healthy(self) -> bool:
        """Whether a request handed in now would be worked on."""

    def why_over(self) -> str | None:
        """Why it will not work again, and the process had better end; None while it may."""

    def notes(self) -> tuple[str, ...]:
        """What makes it slower than it could be, in sentences."""

    def gauges(self) -> Mapping[str, float]:
        """Numbers for `/metrics`: waiting and running requests, tokens so far, steps."""
