"""Failpoints do what they are told, and nothing when they are told nothing."""

import errno

import pytest

from rather.failpoints import failpoint


def test_nothing_happens_unless_this_very_place_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RATHER_FAILPOINT", raising=False)
    failpoint("file.written")
    monkeypatch.setenv("RATHER_FAILPOINT", "file.opened:raise")
    failpoint("file.written")
    with pytest.raises(RuntimeError, match=r"failpoint file\.opened"):
        failpoint("file.opened")


def test_a_full_disk_can_be_played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATHER_FAILPOINT", "file.opened:enospc")
    with pytest.raises(OSError, match="No space left") as caught:
        failpoint("file.opened")
    assert caught.value.errno == errno.ENOSPC


def test_an_unknown_place_is_our_mistake() -> None:
    with pytest.raises(ValueError, match=r"nowhere is not in failpoints\.FAILPOINTS"):
        failpoint("nowhere")
