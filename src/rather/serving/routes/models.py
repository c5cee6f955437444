"""`GET /v1/models` and `GET /v1/models/{model}`."""

from datetime import datetime

from fastapi import APIRouter

from rather.evaluation.statistics import TRUST
from rather.records import ModelVersion, Round
from rather.serving.context import Context, CurrentContext
from rather.serving.contract.models import ModelEntry, ModelList
from rather.serving.placing import home_of
from rather.serving.register import Known
from rather.web.replies import Refusal

router = APIRouter()


@router.get("/v1/models")
async def models(context: CurrentContext) -> ModelList:
    """Everything that answers: the base, the versions on it, and the aliases."""
    return ModelList(data=await _entries(context))


@router.get("/v1/models/{model}")
async def model(model: str, context: CurrentContext) -> ModelEntry:
    """One of them."""
    entries = await _entries(context)
    found = next((one for one in entries if one.id == model), None)
    if found is None:
        there = ", ".join(one.id for one in entries)
        raise Refusal(
            404, f"The model {model!r} does not exist; there are: {there}.", code="model_not_found"
        )
    return found


async def _entries(context: Context) -> list[ModelEntry]:
    known, length = await context.register.known(), context.reader.codec.context
    base = ModelEntry(id="base", created=0, root="base", parent=None, max_model_len=length)
    made = {one.name: one for one in await context.catalog.policies()}
    entries = [base, *(_entry(one, known, context.config.model, length) for one in made.values())]
    by_id = {one.id: one for one in entries}
    for alias, version in known.aliases.items():
        if version in by_id:
            entries.append(by_id[version].model_copy(update={"id": alias, "parent": version}))
    return entries


def _entry(version: ModelVersion, known: Known, model: str, length: int) -> ModelEntry:
    turn = known.rounds.get(version.name)
    home = home_of(version, known.versions, model)
    parent = None if home == version.name else home
    return ModelEntry(
        id=version.name,
        created=int(datetime.fromisoformat(version.created_at).timestamp()),
        root=version.name,
        parent=parent,
        max_model_len=length,
        rather_stage=version.stage,
        rather_round=turn.number if turn else None,
        rather_winrate=None if turn is None else _win_rate(turn),
    )


def _win_rate(turn: Round) -> float | None:
    """Of the policy a round promoted over the one before, by who is trusted most of those asked."""
    rates = turn.done.get("evaluate", {}).get("win_rates", {}).get(turn.policy, {})
    return next((float(rates[who]["value"]) for who in TRUST if who in rates), None)
