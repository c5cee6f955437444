"""One request from its check to its end: resolved, tokenized, answered piece by piece, noted."""

import hashlib
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import anyio

from rather.data.identity import prompt_id
from rather.errors import DataError, TooLong
from rather.records import Message, Prompt
from rather.serving.auth import Caller
from rather.serving.backend import EndReason, Piece, TokenLogprob, Wish
from rather.serving.context import Context, Served, ServedCompletion
from rather.serving.contract.asking import Asking
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
    prompt: Prompt
    wish: Wish
    fingerprint: str
    began: float = field(default_factory=time.monotonic)
    given: list[Given] = field(default_factory=list)

    @property
    def head(self) -> dict[str, Any]:
        """What every reply and chunk begins with."""
        return {
            "id": self.id,
            "created": self.created,
            "model": self.wish.model,
            "system_fingerprint": self.fingerprint,
        }

    @property
    def num_tokens(self) -> int:
        """Completion tokens so far."""
        return sum(one.num_tokens for one in self.given)

    @property
    def num_known(self) -> int | None:
        """Prompt tokens that no completion computed again; None where the engine does not say."""
        known = [one.num_known for one in self.given if one.num_known is not None]
        return min(known, default=None)

    async def pieces(self, context: Context) -> AsyncGenerator[Piece, None]:
        """The backend's pieces; whatever ends them, what was given is counted and handed on."""
        ended = "cancelled"
        try:
            async with aclosing(context.backend.generate(self.wish)) as pieces:
                async for piece in pieces:
                    if not self.num_tokens:
                        context.metrics.first_token.observe(time.monotonic() - self.began)
                    self.given[piece.number].take(piece)
                    yield piece
            ended = "done"
        except Exception as error:
            ended = type(error).__name__
            raise
        finally:
            self._count(context, ended)
            with anyio.CancelScope(shield=True):
                await context.outside.served(self._served())

    def _count(self, context: Context, ended: str) -> None:
        model = self.wish.model
        context.metrics.requests[model, ended] += 1
        context.metrics.tokens[model, "prompt"] += len(self.wish.prompt_ids)
        context.metrics.tokens[model, "completion"] += self.num_tokens
        context.metrics.whole.observe(time.monotonic() - self.began)

    def _served(self) -> Served:
        wish = self.wish
        return Served(
            id=self.id,
            created=self.created,
            client=self.caller.id,
            asked=self.asked,
            version=wish.model,
            messages=self.prompt.messages,
            is_text=self.prompt.is_text,
            sampling={
                "temperature": wish.temperature,
                "top_p": wish.top_p,
                "max_new_tokens": wish.max_new_tokens,
            },
            seeds=wish.seeds,
            completions=tuple(
                ServedCompletion(number, one.text, one.num_tokens, one.finish_reason)
                for number, one in enumerate(self.given)
            ),
        )


@dataclass(frozen=True)
class Asked:
    """What a route read from its request."""

    asking: Asking
    messages: tuple[Message, ...]
    is_text: bool
    limit: int | None
    """Most tokens of a completion, where the client said so."""
    top_logprobs: int | None


async def begin(context: Context, caller: Caller, asked: Asked, prefix: str) -> Exchange:
    """A request ready to be generated, or a refusal that says what is wrong with it."""
    id = f"{prefix}-{secrets.token_hex(12)}"
    asking = asked.asking
    prompt = Prompt(prompt_id(asked.messages), asked.messages, "train", is_text=asked.is_text)
    # With a seed the same request is answered by the same version again.
    drawn_by = id if asking.seed is None else f"{asking.seed} {prompt.id}"
    version = await context.catalog.policy(asking.model, drawn_by)
    prompt_ids = prompt_tokens(context, prompt)
    wish = Wish(
        prompt_ids=prompt_ids,
        model=version,
        seeds=_seeds(asking.seed, asking.n),
        max_new_tokens=_limit(context, asked.limit, len(prompt_ids)),
        temperature=asking.temperature,
        top_p=asking.top_p,
        stop=asking.stops,
        top_logprobs=asked.top_logprobs,
        client=caller.id,
    )
    await be_ready(context, version)
    return Exchange(
        id=id,
        created=int(context.outside.now()),
        caller=caller,
        asked=asking.model,
        prompt=prompt,
        wish=wish,
        fingerprint=await _fingerprint(context, version),
        given=[Given() for _ in wish.seeds],
    )


def prompt_tokens(context: Context, prompt: Prompt) -> tuple[int, ...]:
    """A prompt's tokens; a refusal where the model cannot be asked it."""
    codec = context.codec
    if not prompt.is_text and not codec.is_chat:
        raise Refusal(
            400, "The model has no chat template; use /v1/completions.", code="no_chat_template"
        )
    try:
        return codec.text_ids(prompt) if prompt.is_text else codec.prompt_ids(prompt)
    except TooLong as error:
        raise Refusal(400, _about_the_prompt(error), code="context_length_exceeded") from None
    except DataError as error:
        raise Refusal(400, _about_the_prompt(error), code="invalid_prompt") from None


async def be_ready(context: Context, version: str) -> None:
    """See to it that a version can be asked; a refusal where that cannot be now."""
    if not context.backend.is_healthy():
        raise Refusal(503, "The engine is not at work just now; try again.", code="engine_down")
    if version != "base" and version not in context.backend.loaded():
        try:
            await context.backend.load(version)
        except DataError as error:
            raise Refusal(503, f"{version} cannot be served: {error}", code="bad_model") from None


def _about_the_prompt(error: DataError) -> str:
    """The sentence, without the id that only the workspace knows."""
    text = str(error)
    head, _, rest = text.partition(" ")
    return f"The prompt {rest.partition(' ')[2]}" if head == "Prompt" else text


def _limit(context: Context, wanted: int | None, num_prompt: int) -> int:
    room = context.codec.context - num_prompt
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
            f"is {context.codec.context}.",
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
    parts = [context.base_fingerprint, context.codec.fingerprint, made.run_id if made else ""]
    return "fp_" + hashlib.sha256("/".join(parts).encode()).hexdigest()[:12]
