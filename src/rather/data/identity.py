"""Ids drawn from content, so the same thing has the same id wherever it is met.

Two prompts with the same messages are one prompt, and the split is drawn from its id: no prompt
can be trained on and evaluated on.
"""

import hashlib
import json
from typing import Any

from rather.records import Message, Split


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, no escapes."""
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )


def digest(value: Any) -> str:
    """sha256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def prompt_id(messages: tuple[Message, ...]) -> str:
    """The id of the prompt with these messages."""
    return "p_" + digest([[message.role, message.content] for message in messages])[:24]


def completion_id(
    prompt_id: str, model: str, sampling: dict[str, Any], seed: int, text: str
) -> str:
    """The id of a completion: who answered what, how, with which words."""
    return digest([prompt_id, model, sampling, seed, text])[:26]


def imported_labeller_id(name: str) -> str:
    """The id of somebody whom imported data name."""
    return "l_" + digest(["imported", name])[:24]


def split_of(prompt_id: str, seed: int, heldout_fraction: float) -> Split:
    """On which side a prompt falls; pure, so every import of it falls on the same one."""
    drawn = int(digest(["split", seed, prompt_id])[:13], 16) / 16**13  # 52 bits, uniform in [0, 1)
    return "heldout" if drawn < heldout_fraction else "train"
