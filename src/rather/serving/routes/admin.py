"""What an admin does: versions into and out of service, aliases to other versions and back."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from rather.errors import DataError
from rather.serving.auth import CurrentAdmin
from rather.serving.context import CurrentContext
from rather.serving.contract.admin import (
    AdapterRequest,
    AliasList,
    AliasName,
    AliasRequest,
    AliasSwitch,
    Service,
)
from rather.store.serving import aliases
from rather.web.replies import Refusal

router = APIRouter()


@router.post("/v1/load_lora_adapter")
async def load_lora_adapter(
    body: AdapterRequest, context: CurrentContext, _: CurrentAdmin
) -> Service:
    """Put a version of the registry into service, once it is loaded."""
    name = await context.catalog.version(body.lora_name)
    try:
        await context.backend.load(name)
    except DataError as error:
        raise Refusal(400, str(error), code="bad_model") from None
    context.catalog.withdrawn.discard(name)
    return Service(lora_name=name, in_service=True, loaded=list(context.backend.loaded()))


@router.post("/v1/unload_lora_adapter")
async def unload_lora_adapter(
    body: AdapterRequest, context: CurrentContext, _: CurrentAdmin
) -> Service:
    """Take a version out of service; requests that run with it end as they began."""
    name = await context.catalog.version(body.lora_name)
    context.catalog.withdrawn.add(name)
    await context.backend.unload(name)
    return Service(lora_name=name, in_service=False, loaded=list(context.backend.loaded()))


@router.get("/v1/aliases")
async def list_aliases(context: CurrentContext, _: CurrentAdmin) -> AliasList:
    """What each alias means, and every switch there was."""
    history = await run_in_threadpool(aliases.history, context.db)
    in_force = {one.alias: one for one in history}
    return AliasList(
        data=[AliasSwitch(**vars(one)) for one in in_force.values()],
        history=[AliasSwitch(**vars(one)) for one in history],
    )


@router.put("/v1/aliases/{alias}")
async def switch_alias(
    alias: AliasName, body: AliasRequest, context: CurrentContext, admin: CurrentAdmin
) -> AliasSwitch:
    """Let an alias mean a version, for every request that comes from now on."""
    try:
        made = await run_in_threadpool(aliases.switch, context.db, alias, body.version, admin.name)
    except DataError as error:
        raise Refusal(404, str(error), code="model_not_found") from None
    context.register.forget()
    return AliasSwitch(**vars(made))


@router.post("/v1/aliases/{alias}/rollback")
async def roll_back_alias(
    alias: AliasName, context: CurrentContext, admin: CurrentAdmin
) -> AliasSwitch:
    """Let an alias mean what it did before."""
    try:
        made = await run_in_threadpool(aliases.roll_back, context.db, alias, admin.name)
    except DataError as error:
        raise Refusal(409, str(error), code="nothing_before") from None
    context.register.forget()
    return AliasSwitch(**vars(made))
