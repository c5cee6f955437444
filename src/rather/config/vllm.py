"""The vLLM server that `serve --engine vllm` starts and watches."""

from pydantic import Field

from rather.config.section import Section


class VllmEngine(Section):
    """`serve.vllm`: vLLM in an environment of its own, behind the same API."""

    python: str | None = None
    """Python of the environment that vLLM is installed in; null takes the one beside the `vllm`
    command."""
    max_running: int = Field(64, ge=1)
    """Completions it works on at once (--max-num-seqs); others wait, clients taking turns."""
    max_adapters_at_once: int = Field(4, ge=1)
    """Different adapters in one batch (--max-loras)."""
    max_context: int | None = Field(None, ge=1)
    """Most tokens of a prompt with its completion (--max-model-len); null takes the model's."""
    cache_gb: float | None = Field(None, gt=0)
    """Memory for keys and values (--kv-cache-memory-bytes); null lets vLLM choose."""
    start_timeout_s: float = Field(900.0, gt=0)
    """How long it may take to start."""
    hang_timeout_s: float = Field(60.0, gt=0)
    """A server that answers nothing for so long is started anew."""
    arguments: tuple[str, ...] = ()
    """More of vLLM's own flags, as they stand, for example --tensor-parallel-size 2."""
