"""What was paid for once and is kept: a file of named values, written whole after each part."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rather.durable import write_text
from rather.models.source import read_json


class Saved:
    """Named JSON values in a file; every `keep` is on disk when it returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = read_json(path)

    def get(self, name: str) -> Any:
        """The value of that name, None where none is kept."""
        return self._values.get(name)

    def keep(self, values: Mapping[str, Any]) -> None:
        """Keep more values; a name that is known takes the new one."""
        if not values:
            return
        self._values.update(values)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self._path, json.dumps(self._values, ensure_ascii=False) + "\n")
