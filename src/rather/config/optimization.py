"""What every training stage has in common: the optimizer, and what of the backbone learns."""

from typing import Literal

from pydantic import Field

from rather.config.section import Section

Tuning = Literal["lora", "top_layers", "full"]


class Adapter(Section):
    """What of the backbone a stage trains."""

    tuning: Tuning = "lora"
    """lora: adapters on all layers; top_layers: adapters on the topmost layers only (cheaper, the
    backward pass stops there); full: a copy of all weights."""
    num_top_layers: int = Field(8, ge=1)
    """How many layers `top_layers` adapts."""
    rank: int = Field(16, ge=1, le=512)
    """Rank of the LoRA matrices."""
    alpha: float = Field(32.0, gt=0)
    """LoRA scale: the update is multiplied by alpha / rank."""
    target_modules: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    """Names of the linear layers to adapt."""
    gradient_checkpointing: bool = False
    """Keep of every layer only its input for the backward pass and compute the rest again there:
    less memory, about a third more time, the same numbers."""
    sharded: bool = True
    """full, on several ranks: each holds its part of the copy, of its gradient and of its moments
    (FSDP2); false keeps all of them on every rank, which is faster where they fit."""


class Optimization(Section):
    """What every training stage has in common."""

    learning_rate: float = Field(3e-4, gt=0, le=1)
    """Peak learning rate of AdamW."""
    warmup_fraction: float = Field(0.05, ge=0, lt=1)
    """Share of the updates over which the rate rises from 0."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How the rate falls to 0 after the warm-up (constant: it does not)."""
    adam_epsilon: float = Field(1e-5, gt=0)
    """Epsilon of AdamW; 1e-5 is what InstructGPT-style work uses."""
    optimizer: Literal["adamw", "adamw_8bit"] = "adamw"
    """AdamW with moments of 32 bits, or of 8 (a quarter of their memory; needs bitsandbytes)."""
    weight_decay: float = Field(0.0, ge=0)
    """Decoupled weight decay."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are scaled down to this norm."""
    num_epochs: int = Field(1, ge=1)
    """Passes over the data (PPO: over each rollout)."""
    batch_size: int = Field(16, ge=1)
    """Rows (a prompt with its completions) an optimizer update."""
    microbatch_tokens: int = Field(2048, ge=16)
    """Tokens computed at once; changes memory and speed, and the result by rounding at most."""
    compile_kernels: bool = True
    """On a CPU with a C++ compiler, in runs of 50 updates or more: compile the small steps between
    matrix products into one each. An update takes up to an eighth less, the first one about twenty
    seconds more; the result changes by rounding at most."""
    checkpoint_every: int = Field(10, ge=1)
    """Updates between checkpoints (PPO: steps)."""
    keep_every: int | None = Field(None, ge=1)
    """Updates (PPO: steps) between checkpoints that stay for `rather sweep`; null keeps the newest
    two and the good ones."""
    adapter: Adapter = Adapter()
    """What of the backbone is trained."""


class Watch(Section):
    """The same few prompts, answered again and again while `sft`, `dpo` or `ppo` runs, so that
    people can see what becomes of the answers. Nothing of it touches what is learnt."""

    num_prompts: int = Field(4, ge=0, le=32)
    """How many, held-out ones first; 0 asks nothing."""
    every: int = Field(10, ge=1)
    """Steps of ppo between; they are also asked before the first step and after the last."""
    every_updates: int = Field(100, ge=1)
    """The same of sft and dpo, whose updates are much shorter than an answer takes."""
    max_new_tokens: int = Field(64, ge=1)
    """Length limit of these answers; ppo.max_new_tokens holds too."""


class Tracking(Section):
    """Trackers that a training run's numbers are also sent to, by TRL's names. None can stop a
    run, and the workspace keeps all of them anyway."""

    to: tuple[Literal["tensorboard", "trackio", "wandb", "mlflow"], ...] = ()
    """Which; each must be installed, and takes its account and address from its own environment
    variables. None sends nothing anywhere."""
    project: str | None = None
    """The project's name there; null takes the workspace's."""
