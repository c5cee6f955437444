"""What each stage holds and computes, read from the same settings that it will run with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rather.config.optimization import Optimization
from rather.config.stages import Config
from rather.planning.shape import Shape
from rather.planning.work import Lengths

STAGES = ("sft", "reward", "ppo", "dpo")


@dataclass(frozen=True)
class Trunk:
    """A way through the backbone's layers, with what learns in them."""

    role: str
    num_layers: int
    """Layers that have weights of it."""
    is_full: bool = False
    num_copies: int = 1
    """Of an ensemble: its members."""


@dataclass(frozen=True)
class Thrift:
    """What a stage's settings save."""

    moment_bytes: int = 8
    """Of Adam, a weight: 2 in 8 bits."""
    recomputes: bool = False
    """Whether only layers' inputs are kept for the gradient."""
    is_sharded: bool = True
    """Whether ranks share what learns of a full copy."""


@dataclass(frozen=True)
class Load:
    """What one step of a stage holds and computes."""

    stage: str
    rows: Sequence[Lengths]
    """Tokens of a step's prompts and completions."""
    microbatch_tokens: int
    learning: tuple[Trunk, ...]
    """Roles that take gradients, one after the other."""
    looking: tuple[Trunk, ...] = ()
    """Roles with weights of their own that only compute."""
    num_epochs: int = 1
    """How often a step's rows are learnt."""
    num_minibatches: int = 1
    """Updates that a step's rows are spread over, each time."""
    has_reference: bool = False
    """Whether the bare backbone looks at the rows, too."""
    has_logits: bool = True
    writes: bool = False
    """Whether the step samples its completions."""
    keeps_lower: bool = False
    """Whether what lies below the trained layers is computed once and kept."""
    thrift: Thrift = Thrift()


def load_of(stage: str, config: Config, shape: Shape, prompt: int, completion: int) -> Load:
    """One step of a stage on prompts and completions of these lengths."""
    of = {"sft": _sft, "reward": _reward, "ppo": _ppo, "dpo": _dpo}[stage]
    section: Optimization = getattr(config, stage)
    thrift = Thrift(
        moment_bytes=2 if section.optimizer == "adamw_8bit" else 8,
        recomputes=section.adapter.gradient_checkpointing,
        is_sharded=section.adapter.sharded,
    )
    return replace(of(config, shape, prompt, completion), thrift=thrift)


def _sft(config: Config, shape: Shape, prompt: int, completion: int) -> Load:
    section = config.sft
    rows = [(prompt, (completion,))] * section.batch_size
    return Load("sft", rows, section.microbatch_tokens, (_learner("policy", section, shape),))


def _reward(config: Config, shape: Shape, prompt: int, completion: int) -> Load:
    section = config.reward
    rows = [(prompt, (completion,) * 2)] * section.batch_size
    learner = _learner("reward model", section, shape, section.depth)
    return Load("reward", rows, section.microbatch_tokens, (learner,), has_logits=False)


def _dpo(config: Config, shape: Shape, prompt: int, completion: int) -> Load:
    section = config.dpo
    rows = [(prompt, (completion,) * 2)] * section.batch_size
    return Load(
        "dpo",
        rows,
        section.microbatch_tokens,
        (_learner("policy", section, shape),),
        has_reference=section.loss not in ("simpo", "orpo"),
        keeps_lower=section.adapter.tuning == "top_layers",
    )


def _ppo(config: Config, shape: Shape, prompt: int, completion: int) -> Load:
    section = config.ppo
    rows = [(prompt, (completion,) * section.num_completions)] * section.batch_size
    policy = _learner("policy", section, shape)
    read = _read_layers(config.reward.depth, shape)
    reward = Trunk("reward model", read, num_copies=config.reward.ensemble)
    learning = [policy]
    if section.advantage == "gae" and section.critic.value_model != "trunk":
        is_copy = section.critic.value_model == "copy"
        # a critic that begins from the reward model reads as many layers as it does
        depth = read if section.critic.start == "reward" and not is_copy else shape.num_layers
        layers = depth if is_copy else min(depth, policy.num_layers)
        learning.append(Trunk("critic", layers, is_full=is_copy))
    return Load(
        "ppo",
        rows,
        section.microbatch_tokens,
        tuple(learning),
        looking=(reward,),
        num_epochs=section.num_epochs,
        num_minibatches=section.num_minibatches,
        has_reference=True,
        writes=True,
        keeps_lower=section.adapter.tuning == "top_layers",
    )


def _learner(role: str, section: Optimization, shape: Shape, depth: float = 1.0) -> Trunk:
    read = _read_layers(depth, shape)
    tuning = section.adapter.tuning
    layers = min(section.adapter.num_top_layers, read) if tuning == "top_layers" else read
    return Trunk(role, layers, is_full=tuning == "full")


def _read_layers(depth: float, shape: Shape) -> int:
    return max(1, round(depth * shape.num_layers))
