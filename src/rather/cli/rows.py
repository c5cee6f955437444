"""The rows `rather score` is given: from flags, or from a JSONL file."""

import json
from pathlib import Path
from typing import Any

from rather.errors import DataError, UsageError


def scored_rows(
    file: Path | None, prompt: str | None, completion: str | None
) -> list[dict[str, Any]]:
    """Return rows of prompt and completion; raises UsageError or DataError naming the line."""
    if file is not None and prompt is None and completion is None:
        return _read(file)
    if file is None and prompt is not None and completion is not None:
        return [{"prompt": prompt, "completion": completion}]
    raise UsageError("rather score takes a JSONL file, or both --prompt and --completion.")


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read ({error}): give a JSONL file in UTF-8.") from None
    rows = [_row(f"{file}:{n}", line) for n, line in enumerate(lines, start=1) if line.strip()]
    if not rows:
        raise DataError(f"{file} has no rows: give one JSON object a line.")
    return rows


def _row(where: str, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where}: not a JSON object ({error}).") from None
    if not isinstance(row, dict):
        raise DataError(f"{where}: not a JSON object.")
    if not isinstance(row.get("completion"), str):
        raise DataError(f'{where}: "completion" is missing or not a text.')
    if not isinstance(row.get("prompt"), str | list):
        raise DataError(f'{where}: "prompt" is missing, or neither a text nor a list of messages.')
    return row
