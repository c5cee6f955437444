"""Who draws completions: this machine's own engine, or vLLM servers."""

from typing import Literal, Self

from pydantic import Field, model_validator

from rather.config.section import Section


class Rollouts(Section):
    """`rollout`: who draws completions for `ppo`, `sample`, `evaluate`, `sweep` and `promote`.
    Chats, `serve`, the doctor and what is watched of `sft` and `dpo` never ask these servers."""

    engine: Literal["local", "vllm"] = "local"
    """This machine's own backbone, or the vLLM servers below, which are handed each adapter that
    is asked, or with tuning full each step's whole model."""
    servers: tuple[str, ...] = ()
    """Addresses like http://host:port; each serves the workspace's model, takes adapters at run
    time, and sees the folder below by the same path."""
    folder: str | None = None
    """Where weights are put for the servers to read; null takes the workspace's runs/served."""
    requests_a_server: int = Field(32, ge=1)
    """Completions that each server is asked for at once."""
    patience_s: float = Field(300.0, gt=0)
    """How long to wait for a server while none of them answers."""
    staleness: int = Field(0, ge=0, le=8)
    """Steps of `ppo` by which its rollouts may lag behind: with k > 0 a step learns from what the
    policy of k steps before has drawn (never an older one), so that servers draw the next k
    batches while this one trains. 0 draws, then trains. Only for engine: vllm."""
    max_logprob_gap: float = Field(0.3, gt=0)
    """Nats that the tokens of a probe may differ on average between a server and the trainer;
    beyond it the server is not used. Two bfloat16 engines with the same weights: 0.1."""
    max_importance_weight: float = Field(2.0, ge=1)
    """C: a token counts π/μ in the policy's loss, at most C, where the server's μ is not the
    trainer's π."""
    max_completion_ratio: float | None = Field(2.0, gt=1)
    """m: a completion is rejected (it counts nothing in the policy's loss) where the geometric mean
    of π/μ over its tokens is above m or below 1/m; null rejects none."""

    @model_validator(mode="after")
    def _has_servers(self) -> Self:
        if self.engine == "vllm" and not self.servers:
            raise ValueError("engine: vllm needs servers, for example [http://127.0.0.1:8000]")
        if self.engine == "local" and self.staleness:
            raise ValueError(
                "staleness needs engine: vllm: this machine's own engine computes where training "
                "does, so drawing ahead would save no time"
            )
        return self
