"""A reward behind HTTP: POST rows of prompt and completion, get one score a row.

{"rows": [{"prompt": [{"role": "user", "content": "..."}], "completion": "..."}]}
{"scores": [0.25]}

The key in $RATHER_SCORER_KEY is sent when there is one, and no other.
"""

import math
import os
from collections.abc import Sequence
from numbers import Real

from rather.errors import EnvironmentFault
from rather.records import Prompt
from rather.rollout.endpoint import post_json


def remote_scores(url: str, rows: Sequence[tuple[Prompt, str]]) -> list[float]:
    """One score for each (prompt, completion text); EnvironmentFault when the server fails."""
    body = {
        "rows": [
            {
                "prompt": [vars(message) for message in prompt.messages],
                "completion": completion,
            }
            for prompt, completion in rows
        ]
    }
    reply = post_json(url, body, os.environ.get("RATHER_SCORER_KEY"))
    scores = reply.get("scores") if isinstance(reply, dict) else None
    if not isinstance(scores, list) or len(scores) != len(rows):
        raise EnvironmentFault(
            f'{url} should answer {{"scores": [...]}} with {len(rows)} numbers, one a row.'
        )
    for place, score in enumerate(scores):
        if not isinstance(score, Real) or not math.isfinite(score):
            raise EnvironmentFault(f"{url} gave {score!r} as the score of row {place}.")
    return [float(score) for score in scores]
