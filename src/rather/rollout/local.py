"""Sampling on the machine's own backbone, many requests at once."""

from collections.abc import Callable, Sequence

from rather.interrupts import safe_point
from rather.models.backbone import Backbone
from rather.models.decode.prefixes import Prefixes
from rather.models.decode.weights import USUAL_ROWS
from rather.models.roles import Policy
from rather.rollout.engine import Engine
from rather.rollout.padded import PaddedEngine
from rather.rollout.requests import Request, Sampled, Settings

LocalEngine = Engine | PaddedEngine
"""What steps on this machine; both have the same face."""
LONG = 16
"""Steps from which on it pays to lay all weights out for decoding first."""

ALIKE = 2 << 20
"""Bytes of one layer's keys and values that a step reads again and again as fast as it makes the
calls that reading them once for several rows takes."""

__all__ = ["LocalEngine", "Request", "Sampled", "Settings", "engine_of", "sample", "sample_policy"]


def sample_policy(
    policy: Policy,
    requests: Sequence[Request],
    settings: Settings,
    advance: Callable[[int], None],
    ended: Callable[[int], None] = lambda completions: None,
) -> list[list[Sampled]]:
    """`sample` as a rollout asks for it: see `rather.rollout.sampler.Sampler`."""
    return sample(policy.backbone, policy.adapter, requests, settings, advance, ended)


def sample(
    backbone: Backbone,
    adapter: str | None,
    requests: Sequence[Request],
    settings: Settings,
    advance: Callable[[int], None] = lambda tokens: None,
    ended: Callable[[int], None] = lambda completions: None,
) -> list[list[Sampled]]:
    """Completions of each request, in order; `advance` hears of every token as it is made, and
    `ended` how many completions are whole by then.

    What a completion draws depends on its own seed only. What is decoded beside it changes the last
    digit of its logits, and so hardly ever a token (`rather.equations.sampling`).
    """
    if not requests:
        return []
    rows = sum(len(one.seeds) for one in requests)
    will_pay = settings.max_new_tokens >= LONG
    shares = _read_again(backbone, requests) > ALIKE
    engine = engine_of(backbone, shares_prompts=shares, lays_out_for=rows if will_pay else 0)
    tickets = [engine.submit(request, settings, adapter) for request in requests]
    try:
        while not engine.is_idle:
            safe_point()
            advance(engine.step())
            ended(sum(one.finish_reason is not None for t in tickets for one in t.completions))
    finally:
        engine.close()
    return [ticket.results() for ticket in tickets]


def _read_again(backbone: Backbone, requests: Sequence[Request]) -> float:
    """Bytes of a layer's keys and values that prompts take beyond their first completion's."""
    again = sum(len(one.prompt_ids) * (len(one.seeds) - 1) for one in requests)
    return again * backbone.bytes_per_cached_token / len(backbone.stack)


def engine_of(
    backbone: Backbone,
    *,
    shares_prompts: bool = False,
    lays_out_for: int = USUAL_ROWS,
    is_invariant: bool = False,
    prompt_tokens: int | None = None,
    prefixes: Prefixes | None = None,
) -> LocalEngine:
    """The engine that suits a backbone; the settings are those of `Engine`."""
    if backbone.why_padded is not None:
        return PaddedEngine(backbone)
    return Engine(
        backbone,
        shares_prompts=shares_prompts,
        lays_out_for=lays_out_for,
        is_invariant=is_invariant,
        prompt_tokens=prompt_tokens,
        prefixes=prefixes,
    )
