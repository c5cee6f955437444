"""JSON as columns hold it."""

import json
from typing import Any


def to_json(value: Any) -> str:
    """The value as JSON text that every database takes and gives back the same."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
