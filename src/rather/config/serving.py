"""Everything `serve` can be told: where it listens, what it holds, how much it takes at once."""

from typing import Literal

from pydantic import Field

from rather.config.use import AB, Use
from rather.config.vllm import VllmEngine


class Serving(Use):
    """`serve`: the base and every version behind one OpenAI-compatible API."""

    host: str = "127.0.0.1"
    """Address to listen on; anything but loopback needs --expose, and keys."""
    port: int = Field(8471, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    engine: Literal["local", "vllm"] = "local"
    """Who generates: this process on the machine's own backbone, or a vLLM server it starts."""
    resident_adapters: int = Field(8, ge=1)
    """Adapters kept in memory at most; others are read again when they are asked for."""
    whole_models: int = Field(1, ge=0)
    """Whole models (`tuning: full`) kept in memory at most, beside the base; others are read again
    when they are asked for. 0 serves none."""
    max_rank: int = Field(64, ge=1)
    """An adapter of a higher rank is refused."""
    max_new_tokens: int = Field(1024, ge=1)
    """Longest completion a request may ask for, and what it gets when it names no limit."""
    queue_size: int = Field(256, ge=1)
    """Requests that may wait; beyond, a client is told to come back later."""
    drain_seconds: int = Field(20, ge=0)
    """How long running requests may go on after Ctrl-C or SIGTERM."""
    watchdog_seconds: float = Field(5.0, gt=0)
    """The engine counts as stuck when one step takes longer: /health is red."""
    hang_seconds: float = Field(60.0, gt=0)
    """The local engine is given up and begun anew when one step takes longer; vLLM has a limit of
    its own."""
    max_restarts: int = Field(5, ge=0)
    """How often the local engine may be begun anew within restart_window_seconds; beyond, the
    process says so and ends with exit code 5, for its supervisor to start another."""
    restart_window_seconds: float = Field(600.0, gt=0)
    """See max_restarts."""
    prompt_tokens_a_step: int = Field(512, ge=32)
    """Prompt tokens the local engine computes in one step, in equal parts for the clients that
    wait; everybody who streams waits for them, so a longer prompt is computed in pieces."""
    batch_invariant: bool = True
    """In bfloat16 on a CPU: compute in blocks of the same shapes whatever is answered beside, so
    that a request gets the tokens it would get alone; off is faster when many are answered."""
    prefixes: Literal["own", "shared", "off"] = "own"
    """Whose prompts and answers a prompt that begins alike goes on from, in the local engine: its
    client's own; everybody's, so that a client can find out what others have asked; nobody's."""
    prefix_cache_mb: int = Field(512, ge=1)
    """Most memory for what is remembered of past prompts and answers; the longest unused goes."""
    ab: AB = AB()
    vllm: VllmEngine = VllmEngine()
