"""bitsandbytes is asked for nicely, and fetches nothing."""

import sys
import types
from typing import Any

import pytest

from rather.errors import EnvironmentFault
from rather.models.storage.bits import bitsandbytes_for


def test_without_it_the_setting_says_how_to_get_it(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(EnvironmentFault, match=r"dtype: 4bit needs .*pip install 'rather\[bits\]'"):
        bitsandbytes_for("dtype: 4bit")


def test_what_would_fetch_code_is_hidden_while_it_loads(monkeypatch: Any) -> None:
    fetches = types.ModuleType("kernels")
    monkeypatch.setitem(sys.modules, "kernels", fetches)
    for name in [name for name in sys.modules if name.partition(".")[0] == "bitsandbytes"]:
        monkeypatch.delitem(sys.modules, name)
    seen: list[Any] = []

    class Watcher:
        def find_spec(self, name: str, *_: Any) -> None:
            if name == "bitsandbytes":
                seen.append(sys.modules["kernels"])

    monkeypatch.setattr(sys, "meta_path", [Watcher(), *sys.meta_path])
    monkeypatch.setattr(sys, "path", [])  # it is not found, but was looked for
    with pytest.raises(EnvironmentFault):
        bitsandbytes_for("optimizer: adamw_8bit")
    assert seen == [None]
    assert sys.modules["kernels"] is fetches
