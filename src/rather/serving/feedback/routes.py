"""`POST /v1/feedback` and `POST /v1/compare`."""

import asyncio
import secrets
from collections.abc import Sequence

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from rather.serving.auth import Caller, CurrentCaller
from rather.serving.context import Context, CurrentContext
from rather.serving.contract.chat import Answer
from rather.serving.contract.shape import usage_of
from rather.serving.exchange import Asked, Exchange, begin
from rather.serving.feedback.contract import (
    ComparedChoice,
    CompareReply,
    CompareRequest,
    FeedbackReply,
    FeedbackRequest,
)
from rather.serving.feedback.desk import Desk
from rather.serving.feedback.splitting import Split
from rather.serving.streaming import unless_gone


def router(desk: Desk, split: Split) -> APIRouter:
    """The routes, on a desk that stores and a split that says who is compared."""
    routes = APIRouter()

    @routes.post("/v1/feedback")
    async def feedback(body: FeedbackRequest, caller: CurrentCaller) -> FeedbackReply:
        """Store what a user says of what they were served; answers once it is durable."""
        return await run_in_threadpool(desk.take, caller.id, body)

    @routes.post("/v1/compare")
    async def compare(
        body: CompareRequest, request: Request, context: CurrentContext, caller: CurrentCaller
    ) -> CompareReply:
        """Let several versions answer one conversation, to choose from."""
        exchanges = [
            await _begun(context, caller, body, version)
            for version in await _versions(context, split, body)
        ]
        await unless_gone(request, _all_taken(context, exchanges))
        secrets.SystemRandom().shuffle(exchanges)
        return _reply(exchanges, body)

    return routes


async def _versions(context: Context, split: Split, body: CompareRequest) -> Sequence[str]:
    """Who answers; an alias is what it means, no share of it goes elsewhere."""
    meant = (await context.register.known()).aliases
    if body.models:
        return [meant.get(name, name) for name in body.models]
    return split.sides(body.model, meant.get(body.model, body.model))


async def _begun(context: Context, caller: Caller, body: CompareRequest, version: str) -> Exchange:
    asked = Asked(
        asking=body.model_copy(update={"model": version}),
        read=(await context.reader.conversation([one.record for one in body.messages]),),
        limit=body.max_tokens,
        top_logprobs=None,
    )
    exchange = await begin(context, caller, asked, "cmp")
    if not body.models:
        exchange.asked = body.model
    return exchange


async def _all_taken(context: Context, exchanges: Sequence[Exchange]) -> None:
    """Take all answers, side by side; one that fails ends the others."""
    tasks = [asyncio.ensure_future(_taken(context, one)) for one in exchanges]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _taken(context: Context, exchange: Exchange) -> None:
    async for _ in exchange.pieces(context):
        pass


def _reply(exchanges: Sequence[Exchange], body: CompareRequest) -> CompareReply:
    return CompareReply(
        id=f"comparison-{secrets.token_hex(12)}",
        created=exchanges[0].created,
        choices=[
            ComparedChoice(
                index=number,
                id=one.id,
                message=Answer(content=one.given[0].text),
                finish_reason=one.given[0].finish_reason or "abort",
                model=None if body.is_blind else one.version,
            )
            for number, one in enumerate(exchanges)
        ],
        usage=usage_of(
            sum(one.num_prompt_tokens for one in exchanges),
            sum(one.num_tokens for one in exchanges),
        ),
    )
