"""What is asked of a vLLM server's `/v1/completions`: prompts as token ids, tokens back as ids.

vLLM's extensions of OpenAI's route that this relies on: `prompt` as ids, `stop_token_ids`,
`return_token_ids`, `seed` per request.
"""

from collections.abc import Sequence
from typing import Any

BASE = "base"
"""The name a server knows the backbone without an adapter by."""
SEEDS = 2**63
"""vLLM takes seeds of 64 bits with a sign."""


class ServerFailed(Exception):
    """The server is gone, or says that it cannot go on."""


class ServerRefused(Exception):
    """The server is well and will not do what it was asked."""


def draw(
    model: str | None,
    prompt_ids: Sequence[int],
    seed: int,
    stop_ids: Sequence[int],
    **sampling: Any,
) -> dict[str, Any]:
    """The body that asks for one completion; `sampling`: max_tokens, temperature, top_p ...

    `model` None is the server's own, whatever it is called.
    """
    return {
        "model": model,
        "prompt": list(prompt_ids),
        "seed": seed % SEEDS,
        "stop_token_ids": list(stop_ids),
        "return_token_ids": True,
        **sampling,
    }


def error_text(reply: Any) -> str | None:
    """What a reply complains of, in the server's words; None where it is no complaint."""
    found = reply.get("error") if isinstance(reply, dict) else None
    return str(found.get("message", found) if isinstance(found, dict) else found) if found else None


def complaint(status: int, reply: Any, reason: str) -> ServerFailed | ServerRefused:
    """The error of a reply that is none of success."""
    words = f"{status} {error_text(reply) or reason}"
    return ServerFailed(words) if status >= 500 else ServerRefused(words)
