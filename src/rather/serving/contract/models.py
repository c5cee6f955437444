"""`/v1/models`: OpenAI's shapes with vLLM's fields, and what we know beside."""

from typing import Literal

from rather.serving.contract.shape import Wire


class ModelEntry(Wire):
    """Something that can be asked for by its id."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["rather"] = "rather"
    root: str
    """The name in the registry: of an alias the version it means. Never a path."""
    parent: str | None
    """Whose weights it shares; null for the base and for whole models, which have their own."""
    max_model_len: int
    rather_stage: Literal["sft", "dpo", "ppo"] | None = None
    rather_round: int | None = None
    """The round that promoted it, where one did."""
    rather_winrate: float | None = None
    """Of the round's evaluation, against the policy before it, by whoever is trusted most of those
    that measured it: people, then a gold score, then models."""


class ModelList(Wire):
    """All of them, the base first."""

    object: Literal["list"] = "list"
    data: list[ModelEntry]
