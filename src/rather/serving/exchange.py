"""One request from its check to its end: resolved, tokenized, answered piece by piece, noted."""

import hashlib
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import anyio

from rather.errors import DataError
from rather.records import Prompt
from rather.serving.auth import Caller
from rather.serving.backend import EndReason, Piece, TokenLogprob, Wish
from rather.serving.context import Context, Served, ServedCompletion
from rather.serving.contract.asking import Asking
from rather.serving.contract.shape import Usage, usage_of
from rather.serving.merging import side_by_side
from rather.serving.reading import Read
from rather.web.replies import Refusal


@dataclass
class Given:
    """What was made of one completion so far."""

    text: str = ""
    num_tokens: int = 0
    logprobs: list[TokenLogprob] = field(default_factory=list)
    finish_reason: EndReason | None = None
    num_known: int | None = None
    """Of the prompt's tokens, where the engine says it."""

    def take(self, piece: Piece) -> None:
        """Add what is new."""
        self.text += piece.text
        self.num_tokens += piece.num_tokens
        self.logprobs += piece.logprobs
        self.finish_reason = piece.finish_reason
        if piece.num_known is not None:
            self.num_known = piece.num_known


@dataclass
class Exchange:
    """A request that was checked, and what was given for it."""

    id: str
    created: int
    caller: Caller
    asked: str
    """The model as the client named it."""
    prompts: tuple[Prompt, ...]
    wishes: tuple[Wish, ...]
    """One for each prompt, alike but for its tokens."""
    fingerprint: str
    began: float = field(default_factory=time.monotonic)
    given: list[Given] = field(default_factory=list)
    """Of the first prompt, then of the next one."""

    @property
    def version(self) -> str:
        """Who answers."""
        return self.wishes[0].model

    @property
    def wants_logprobs(self) -> bool:
        """Whether log-probabilities come beside the text."""
        return self.wishes[0].top_logprobs is not None

    @property
    def head(self) -> dict[str, Any]:
        """What every reply and chunk begins with."""
        return {
            "id": self.id,
            "created": self.created,
            "model": self.version,
            "system_fingerprint": self.fingerprint,
        }

    @property
    def num_tokens(self) -> int:
        """Completion tokens so far."""
        return sum(one.num_tokens for one in self.given)

    @property
    def num_known(self) -> int | None:
        """Prompt tokens that no completion computed again; None where the engine does not say."""
        each = [_fewest_known(self.given_for(number)) for number in range(len(self.wishes))]
        said = [known for known in each if known is not None]
        return sum(said) if said else None

    @property
    def num_prompt_tokens(self) -> int:
        """Each prompt's count once, however many completions it has."""
        return sum(len(one.prompt_ids) for one in self.wishes)

    @property
    def usage(self) -> Usage:
        """What it took so far."""
        return usage_of(self.num_prompt_tokens, self.num_tokens, self.num_known)

    def given_for(self, number: int) -> list[Given]:
        """What was made of one prompt's completions."""
        num = len(self.wishes[number].seeds)
        return self.given[number * num : (number + 1) * num]

    async def pieces(self, context: Context) -> AsyncGenerator[Piece, None]:
        """The backend's pieces; whatever ends them, what was given is counted and handed on."""
        ended = "cancelled"
        try:
            streams = [context.backend.generate(wish) for wish in self.wishes]
            async with aclosing(side_by_side(streams)) as pieces:
                async for number, piece in pieces:
                    if not self.num_tokens:
                        context.metrics.first_token.observe(time.monotonic() - self.began)
                    place = number * len(self.wishes[0].seeds) + piece.number
                    self.given[place].take(piece)
                    yield replace(piece, number=place)
            ended = "done"
        except Exception as error:
            ended = type(error).__name__
            raise
        finally:
            self._count(context, ended)
            with anyio.CancelScope(shield=True):
                for number in range(len(self.wishes)):
                    await context.outside.served(self._served(number))

    def _count(self, context: Context, ended: str) -> None:
        model = self.version
        context.metrics.requests[model, ended] += 1
        context.metrics.tokens[model, "prompt"] += self.num_prompt_tokens
        context.metrics.tokens[model, "completion"] += self.num_tokens
        context.metrics.whole.observe(time.monotonic() - self.began)

    def _served(self, number: int) -> Served:
        """What was given for one of the prompts."""
        prompt, wish = self.prompts[number], self.wishes[number]
        given = self.given_for(number)
        first = number * len(given)
        return Served(
            id=self.id,
            created=self.created,
            client=self.caller.id,
            asked=self.asked,
            version=wish.model,
            messages=prompt.messages,
            is_text=prompt.is_text,
            sampling={
                "temperature": wish.temperature,
                "top_p": wish.top_p,
                "max_new_tokens": wish.max_new_tokens,
            },
            completions=tuple(
                ServedCompletion(place, seed, one.text, one.num_tokens, one.finish_reason)
                for place, (seed, one) in enumerate(zip(wish.seeds, given, strict=True), first)
            ),
            num_choices=len(self.given),
        )


@dataclass(frozen=True)
class Asked:
    """What a route read from its request."""

    asking: Asking
    read: tuple[Read, ...]
    limit: int | None
    """Most tokens of a completion, where the client said so."""
    top_logprobs: int | None


async def begin(context: Context, caller: Caller, asked: Asked, prefix: str) -> Exchange:
    """A request ready to be generated, or a refusal that says what is wrong with it."""
    id = f"{prefix}-{secrets.token_hex(12)}"
    asking = asked.asking
    # With a seed the same request is answered by the same version again.
    drawn_by = id if asking.seed is None else f"{asking.seed} {asked.read[0].prompt.id}"
    version = await context.catalog.policy(asking.model, drawn_by)
    wishes = tuple(_wish(context, caller, asked, version, read) for read in asked.read)
    await be_ready(context, version)
    return Exchange(
        id=id,
        created=int(context.outside.now()),
        caller=caller,
        asked=asking.model,
        prompts=tuple(read.prompt for read in asked.read),
        wishes=wishes,
        fingerprint=await _fingerprint(context, version),
        given=[Given() for wish in wishes for _ in wish.seeds],
    )


def _wish(context: Context, caller: Caller, asked: Asked, version: str, read: Read) -> Wish:
    asking = asked.asking
    return Wish(
        prompt_ids=read.ids,
        model=version,
        seeds=_seeds(asking.seed, asking.n),
        max_new_tokens=_limit(context, asked.limit, len(read.ids)),
        temperature=asking.temperature,
        top_p=asking.top_p,
        stop=asking.stops,
        top_logprobs=asked.top_logprobs,
        client=caller.id,
        is_seeded=asking.seed is not None,
    )


async def be_ready(context: Context, version: str) -> None:
    """See to it that a version can be asked; a refusal where that cannot be now."""
    if not context.backend.is_healthy():
        raise Refusal(503, "The engine is not at work just now; try again.", code="engine_down")
    if version != "base" and version not in context.backend.loaded():
        try:
            await context.backend.load(version)
        except DataError as error:
            raise Refusal(503, f"{version} cannot be served: {error}", code="bad_model") from None


def _limit(context: Context, wanted: int | None, num_prompt: int) -> int:
    room = context.reader.codec.context - num_prompt
    most = context.config.serve.max_new_tokens
    if wanted is None:
        return min(room, most)
    if wanted > most:
        raise Refusal(
            400,
            f"max_tokens is {wanted}; this server makes at most {most}.",
            code="too_many_tokens",
        )
    if wanted > room:
        raise Refusal(
            400,
            f"The prompt takes {num_prompt} tokens and max_tokens is {wanted}; the model's context "
            f"is {context.reader.codec.context}.",
            code="context_length_exceeded",
        )
    return wanted


def _seeds(seed: int | None, n: int) -> tuple[int, ...]:
    """One for each completion; from one seed always the same ones."""
    if seed is None:
        return tuple(secrets.randbits(63) for _ in range(n))
    drawn = (hashlib.sha256(f"{seed}/{number}".encode()).digest() for number in range(n))
    return tuple(int.from_bytes(one[:8]) >> 1 for one in drawn)


async def _fingerprint(context: Context, version: str) -> str:
    """Names the weights, tokenizer and template that answer."""
    known = await context.register.known()
    made = known.versions.get(version)
    parts = [
        context.base_fingerprint,
        context.reader.codec.fingerprint,
        made.run_id if made else "",
    ]
    return "fp_" + hashlib.sha256("/".join(parts).encode()).hexdigest()[:12]


def _fewest_known(given: list[Given]) -> int | None:
    """Prompt tokens that none of a prompt's completions computed again."""
    return min((one.num_known for one in given if one.num_known is not None), default=None)
