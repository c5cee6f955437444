"""`GET /health` and `GET /metrics`."""

from typing import Literal

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from rather.serving.context import CurrentContext
from rather.serving.contract.shape import Wire
from rather.serving.metrics import CONTENT_TYPE
from rather.web.replies import Refusal

router = APIRouter()


class Health(Wire):
    """That requests are worked on."""

    status: Literal["ok"] = "ok"
    notes: list[str]
    """What makes answers slower than they could be."""


@router.get("/health")
async def health(context: CurrentContext) -> Health:
    """200 while the engine is at work, 503 while it is not."""
    if not context.backend.is_healthy():
        raise Refusal(503, "The engine is not at work.", code="engine_down")
    return Health(notes=list(context.backend.notes()))


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(context: CurrentContext) -> PlainTextResponse:
    """Counts, times and what the engine holds, for Prometheus."""
    page = context.metrics.page(context.backend.gauges())
    return PlainTextResponse(page, media_type=CONTENT_TYPE)
