"""`POST /v1/score`."""

import secrets
from statistics import fmean

from fastapi import APIRouter
from starlette.requests import Request

from rather.records import Message
from rather.serving.context import Context, CurrentContext
from rather.serving.contract.scoring import Score, ScoreReply, ScoreRequest
from rather.serving.contract.shape import usage_of
from rather.serving.exchange import be_ready
from rather.serving.streaming import unless_gone
from rather.web.replies import Refusal

router = APIRouter()


@router.post("/v1/score")
async def score(body: ScoreRequest, request: Request, context: CurrentContext) -> ScoreReply:
    """What a reward version thinks of completions of a prompt."""
    version = await context.catalog.reward(body.model)
    prompt_ids = (await context.reader.to_be_scored(_said(body))).ids
    completions = [await _tokens(context, text, len(prompt_ids)) for text in body.completions]
    await be_ready(context, version)
    found = await unless_gone(request, context.backend.score(version, prompt_ids, completions))
    by_completion = [list(members) for members in zip(*found, strict=True)]
    return ScoreReply(
        id=f"score-{secrets.token_hex(12)}",
        created=int(context.outside.now()),
        model=version,
        data=[
            Score(index=number, score=fmean(members), members=members)
            for number, members in enumerate(by_completion)
        ],
        usage=usage_of(len(prompt_ids), sum(map(len, completions))),
    )


def _said(body: ScoreRequest) -> list[Message]:
    if body.messages is not None:
        return [one.record for one in body.messages]
    return [Message("user", body.prompt or "")]


async def _tokens(context: Context, text: str, num_prompt: int) -> tuple[int, ...]:
    ids, most = await context.reader.completion(text), context.reader.codec.context
    if num_prompt + len(ids) > most:
        raise Refusal(
            400,
            f"The prompt with its completion takes {num_prompt + len(ids)} tokens; the model's "
            f"context is {most}.",
            code="context_length_exceeded",
        )
    return ids
