"""`POST /v1/completions`."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from rather.serving.answering import answered, streamed
from rather.serving.auth import CurrentCaller
from rather.serving.backend import Piece, TokenLogprob
from rather.serving.context import CurrentContext
from rather.serving.contract.text import (
    TextChoice,
    TextLogprobs,
    TextPrompt,
    TextReply,
    TextRequest,
)
from rather.serving.exchange import Asked, Exchange, begin
from rather.serving.reading import Read, Reader

router = APIRouter()


@router.post("/v1/completions", response_model=TextReply)
async def completions(
    body: TextRequest, request: Request, context: CurrentContext, caller: CurrentCaller
) -> Response | TextReply:
    """Go on with texts or tokens as they stand; with `stream` in server-sent events."""
    asked = Asked(
        asking=body,
        read=tuple([await _read(context.reader, one) for one in body.prompts]),
        limit=body.max_tokens,
        top_logprobs=body.logprobs,
    )
    exchange = await begin(context, caller, asked, "cmpl")
    style = Style()
    if body.stream:
        counts = body.stream_options is not None and body.stream_options.include_usage
        return await streamed(context, request, exchange, style, counts=counts)
    await answered(context, request, exchange)
    return style.whole(exchange)


async def _read(reader: Reader, prompt: TextPrompt) -> Read:
    return await (reader.text(prompt) if isinstance(prompt, str) else reader.tokens(prompt))


class Style:
    """Plain texts, whole and in pieces."""

    def __init__(self) -> None:
        self._offsets: dict[int, int] = {}
        """Characters that were streamed of each completion's tokens."""

    def whole(self, exchange: Exchange) -> TextReply:
        """See `answering.Style`."""
        choices = [
            TextChoice(
                index=number,
                text=one.text,
                logprobs=_logprobs(one.logprobs, 0) if exchange.wants_logprobs else None,
                finish_reason=one.finish_reason or "abort",
            )
            for number, one in enumerate(exchange.given)
        ]
        return TextReply(**exchange.head, choices=choices, usage=exchange.usage)

    def first(self, exchange: Exchange) -> None:
        """See `answering.Style`."""

    def chunk(self, exchange: Exchange, piece: Piece) -> TextReply:
        """See `answering.Style`."""
        offset = self._offsets.get(piece.number, 0)
        self._offsets[piece.number] = offset + sum(len(one.token) for one in piece.logprobs)
        choice = TextChoice(
            index=piece.number,
            text=piece.text,
            logprobs=_logprobs(piece.logprobs, offset) if piece.logprobs else None,
            finish_reason=piece.finish_reason,
        )
        return TextReply(**exchange.head, choices=[choice])

    def last(self, exchange: Exchange) -> TextReply:
        """See `answering.Style`."""
        return TextReply(**exchange.head, choices=[], usage=exchange.usage)


def _logprobs(tokens: Sequence[TokenLogprob], offset: int) -> TextLogprobs:
    offsets = []
    for one in tokens:
        offsets.append(offset)
        offset += len(one.token)
    return TextLogprobs(
        tokens=[one.token for one in tokens],
        token_logprobs=[one.logprob for one in tokens],
        top_logprobs=[dict(one.top) for one in tokens] if any(one.top for one in tokens) else None,
        text_offset=offsets,
    )
