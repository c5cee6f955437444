"""The schema: every field is read somewhere, every group is small, nothing can be assigned."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

import rather
from rather.config.settings import all_settings, sections
from rather.config.stages import Config

SOURCE = Path(rather.__file__).parent
MAX_OWN_FIELDS = 22


def test_every_setting_is_read_somewhere() -> None:
    rooms = [path for path in SOURCE.rglob("*.py") if path.parent.name != "config"]
    text = "\n".join(path.read_text("utf-8") for path in rooms)
    unread = [
        setting.path
        for setting in all_settings()
        if not re.search(rf"(\.|\[\"){setting.path.rpartition('.')[2]}\b", text)
    ]
    assert unread == [], "settings that nothing reads: wire them, or remove them"


def test_sections_are_small() -> None:
    sizes = {
        path: sum(name in section.__annotations__ for name in section.model_fields)
        for path, section in sections().items()
    }
    assert max(sizes.values()) <= MAX_OWN_FIELDS


def test_a_config_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().seed = 3  # type: ignore[misc]
