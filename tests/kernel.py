"""What a notebook's kernel would show: a stand-in for IPython, which is no dependency of ours."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Of each display: ("new" or "again", text), as IPython's does it."""
    found: list[tuple[str, str]] = []

    class Handle:
        def update(self, data: dict[str, str], raw: bool) -> None:
            found.append(("again", data["text/plain"]))

    def display(data: dict[str, str], raw: bool, display_id: bool) -> Handle:
        assert raw and display_id
        found.append(("new", data["text/plain"]))
        return Handle()

    ipython: Any = ModuleType("IPython")
    ipython.version_info = (9, 0, 0)  # matplotlib looks
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    module: Any = ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return found
