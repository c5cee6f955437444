"""`plan`: what the stages of a configuration will take, and whether they fit at all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from rather.config.stages import Config
from rather.errors import EnvironmentFault
from rather.planning.duration import Duration, duration_of
from rather.planning.hardware import GB, Hardware
from rather.planning.memory import Memory, memory_of
from rather.planning.page import page_of
from rather.planning.shape import Shape
from rather.planning.stages import STAGES, load_of

ROOM = 0.95
"""Share of a device's memory that may be planned with."""
SECONDS_AN_HOUR = 3600
TUNINGS = ("lora", "top_layers", "full")
ADVANTAGES = ("gae", "rloo")


@dataclass(frozen=True)
class Sizes:
    """What the settings do not say."""

    prompt_tokens: int
    completion_tokens: int
    price: float | None = None
    """Of one device for an hour."""


@dataclass(frozen=True)
class Asked:
    """What is to be planned."""

    shape: Shape
    model: str
    """How people call it."""
    hardware: Hardware
    num_bytes: int
    """Of a number that the frozen backbone computes with."""
    sizes: Sizes


@dataclass(frozen=True)
class Estimate:
    """One stage on one rank."""

    stage: str
    tuning: str
    memory: Memory
    duration: Duration
    num_steps: int | None
    """Steps of the whole stage, where the settings say so."""
    room: float
    """Bytes it has."""

    @property
    def fits(self) -> bool:
        """Whether its peak is within its room."""
        return self.memory.peak <= self.room


def plan(config: Config, asked: Asked) -> dict[str, Any]:
    """Every training stage as it is configured, and PPO in its variants; JSON-able, with `text`.

    Raises EnvironmentFault, with all of it as its result, where a configured stage does not fit.
    """
    stages = [estimate(stage, config, asked) for stage in STAGES]
    variants = [
        (tuning, advantage, estimate("ppo", _varied(config, tuning, advantage), asked))
        for tuning in TUNINGS
        if tuning != "full" or config.dtype != "4bit"  # such weights never learn
        for advantage in ADVANTAGES
    ]
    found = {
        "model": asked.model,
        "num_weights": asked.shape.num_weights,
        "device": asked.hardware.name,
        "num_devices": asked.hardware.count,
        "bytes_a_device": asked.hardware.memory,
        "prompt_tokens": asked.sizes.prompt_tokens,
        "completion_tokens": asked.sizes.completion_tokens,
        "stages": [_as_json(one, asked) for one in stages],
        "ppo_variants": [
            {"advantage": advantage, **_as_json(one, asked)} for _, advantage, one in variants
        ],
    }
    too_large = [one for one in stages if not one.fits]
    found["summary"] = _summary(asked, too_large)
    found["text"] = page_of(found, Console())
    if too_large:
        raise EnvironmentFault(_refusal(asked, too_large, variants), found)
    return found


def estimate(stage: str, config: Config, asked: Asked) -> Estimate:
    """Memory and time of a stage on one rank."""
    section = getattr(config, stage)
    shape = replace(asked.shape, rank=section.adapter.rank)
    load = load_of(stage, config, shape, asked.sizes.prompt_tokens, asked.sizes.completion_tokens)
    return Estimate(
        stage,
        section.adapter.tuning,
        memory_of(shape, load, asked.hardware, asked.num_bytes, config.dtype == "4bit"),
        duration_of(shape, load, asked.hardware, asked.num_bytes),
        config.ppo.num_steps if stage == "ppo" else None,
        asked.hardware.memory * ROOM,
    )


def _varied(config: Config, tuning: str, advantage: str) -> Config:
    """The same PPO with other tuning and advantages; critics stay where they can be."""
    adapter = config.ppo.adapter.model_copy(update={"tuning": tuning})
    many = max(2, config.ppo.num_completions) if advantage == "rloo" else config.ppo.num_completions
    # as many completions a step for both
    batch = max(1, config.ppo.batch_size * config.ppo.num_completions // many)
    changed = {"adapter": adapter, "advantage": advantage, "num_completions": many}
    return config.model_copy(
        update={"ppo": config.ppo.model_copy(update={**changed, "batch_size": batch})}
    )


def _as_json(one: Estimate, asked: Asked) -> dict[str, Any]:
    seconds = one.duration.total
    found: dict[str, Any] = {
        "stage": one.stage,
        "tuning": one.tuning,
        "fits": one.fits,
        "peak_bytes": round(one.memory.peak),
        "bytes": {name: round(size) for name, size in one.memory.parts.items()}
        | {
            "while learning": round(one.memory.learning),
            "while writing": round(one.memory.writing),
        },
        "seconds_a_step": seconds,
        "seconds": one.duration.parts,
    }
    if one.num_steps is not None:
        hours = seconds * one.num_steps / SECONDS_AN_HOUR
        found |= {"num_steps": one.num_steps, "hours": hours}
        if asked.sizes.price is not None:
            found["cost"] = hours * asked.hardware.count * asked.sizes.price
    return found


def _summary(asked: Asked, too_large: Sequence[Estimate]) -> str:
    what = f"{asked.model} on {_devices(asked.hardware)}"
    if not too_large:
        return f"{what}: every stage fits."
    return f"{what}: {', '.join(one.stage for one in too_large)} cannot fit."


def _refusal(
    asked: Asked, too_large: Sequence[Estimate], variants: Sequence[tuple[str, str, Estimate]]
) -> str:
    worst = max(too_large, key=lambda one: one.memory.peak)
    fitting = [f"{t} with {a}" for t, a, one in variants if one.fits]
    mend = (
        f"PPO fits as {', '.join(fitting)} (ppo.adapter.tuning, ppo.advantage)"
        if fitting
        else "no tuning fits: take a smaller model, or devices with more memory"
    )
    return (
        f"{worst.stage} with tuning {worst.tuning} needs {worst.memory.peak / GB:.0f} GB on each "
        f"device, and {asked.hardware.name} has {asked.hardware.memory / GB:.0f}; {mend}."
    )


def _devices(hardware: Hardware) -> str:
    return f"{hardware.count} × {hardware.name}" if not hardware.is_cpu else hardware.name
