"""`POST /v1/chat/completions`."""

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from rather.serving.answering import answered, streamed
from rather.serving.auth import CurrentCaller
from rather.serving.backend import Piece, TokenLogprob
from rather.serving.context import CurrentContext
from rather.serving.contract.chat import (
    Answer,
    ChatChoice,
    ChatChunk,
    ChatLogprobs,
    ChatReply,
    ChatRequest,
    ChunkChoice,
    ContentLogprob,
    Delta,
    TopLogprob,
)
from rather.serving.exchange import Asked, Exchange, begin

router = APIRouter()


@router.post("/v1/chat/completions", response_model=ChatReply)
async def chat_completions(
    body: ChatRequest, request: Request, context: CurrentContext, caller: CurrentCaller
) -> Response | ChatReply:
    """Answer a conversation; with `stream` the answer comes as server-sent events."""
    asked = Asked(
        asking=body,
        read=(await context.reader.conversation([one.record for one in body.messages]),),
        limit=body.limit,
        top_logprobs=(body.top_logprobs or 0) if body.logprobs else None,
    )
    exchange = await begin(context, caller, asked, "chatcmpl")
    style = Style()
    if body.stream:
        counts = body.stream_options is not None and body.stream_options.include_usage
        return await streamed(context, request, exchange, style, counts=counts)
    await answered(context, request, exchange)
    return style.whole(exchange)


class Style:
    """Chat: messages, and deltas of them."""

    def whole(self, exchange: Exchange) -> ChatReply:
        """See `answering.Style`."""
        choices = [
            ChatChoice(
                index=number,
                message=Answer(content=one.text),
                logprobs=_logprobs(one.logprobs) if exchange.wants_logprobs else None,
                finish_reason=one.finish_reason or "abort",
            )
            for number, one in enumerate(exchange.given)
        ]
        return ChatReply(**exchange.head, choices=choices, usage=exchange.usage)

    def first(self, exchange: Exchange) -> ChatChunk:
        """See `answering.Style`."""
        choices = [
            ChunkChoice(index=number, delta=Delta(role="assistant", content=""))
            for number in range(len(exchange.given))
        ]
        return ChatChunk(**exchange.head, choices=choices)

    def chunk(self, exchange: Exchange, piece: Piece) -> ChatChunk:
        """See `answering.Style`."""
        choice = ChunkChoice(
            index=piece.number,
            delta=Delta(content=piece.text),
            logprobs=_logprobs(piece.logprobs) if piece.logprobs else None,
            finish_reason=piece.finish_reason,
        )
        return ChatChunk(**exchange.head, choices=[choice])

    def last(self, exchange: Exchange) -> ChatChunk:
        """See `answering.Style`."""
        return ChatChunk(**exchange.head, choices=[], usage=exchange.usage)


def _logprobs(tokens: Sequence[TokenLogprob]) -> ChatLogprobs:
    content = [
        ContentLogprob(
            token=one.token,
            logprob=one.logprob,
            bytes=_bytes(one.token),
            top_logprobs=[
                TopLogprob(token=token, logprob=logprob, bytes=_bytes(token))
                for token, logprob in one.top
            ],
        )
        for one in tokens
    ]
    return ChatLogprobs(content=content)


def _bytes(token: str) -> list[int] | None:
    return None if "\ufffd" in token else list(token.encode())
