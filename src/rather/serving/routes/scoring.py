"""`POST /v1/score`."""

import secrets
from statistics import fmean

from fastapi import APIRouter
from starlette.requests import Request

from rather.data.identity import prompt_id
from rather.errors import DataError
from rather.records import Message, Prompt
from rather.serving.context import Context, CurrentContext
from rather.serving.contract.scoring import Score, ScoreReply, ScoreRequest
from rather.serving.contract.shape import usage_of
from rather.serving.exchange import be_ready, prompt_tokens
from rather.serving.streaming import unless_gone
from rather.web.replies import Refusal

router = APIRouter()


@router.post("/v1/score")
async def score(body: ScoreRequest, request: Request, context: CurrentContext) -> ScoreReply:
    """What a reward version thinks of completions of a prompt."""
    version = await context.catalog.reward(body.model)
    prompt = _prompt(context, body)
    prompt_ids = prompt_tokens(context, prompt)
    completions = [_tokens(context, text, len(prompt_ids)) for text in body.completions]
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


def _prompt(context: Context, body: ScoreRequest) -> Prompt:
    """As `rather score` reads it: a text is a user's turn where the model has a template."""
    if body.messages is not None:
        said = tuple(Message(one.role, one.text) for one in body.messages)
    else:
        said = (Message("user", body.prompt or ""),)
    return Prompt(prompt_id(said), said, "train", is_text=not context.codec.is_chat)


def _tokens(context: Context, text: str, num_prompt: int) -> tuple[int, ...]:
    try:
        ids = context.codec.completion_ids(text)
    except DataError as error:
        raise Refusal(400, str(error), code="invalid_completion") from None
    if num_prompt + len(ids) > context.codec.context:
        raise Refusal(
            400,
            f"The prompt with its completion takes {num_prompt + len(ids)} tokens; the model's "
            f"context is {context.codec.context}.",
            code="context_length_exceeded",
        )
    return ids
