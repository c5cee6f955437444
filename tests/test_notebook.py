"""In a notebook progress is one line, written over."""

import sys
from types import SimpleNamespace

import pytest

from rather.notebook import NotebookLine, in_notebook
from rather.progress import Progress

Shown = list[tuple[str, str]]


def test_one_line_is_written_over(shown: Shown) -> None:
    assert in_notebook()
    line = NotebookLine()
    line.write("1 of 3")
    line.write("2 of 3")
    assert shown == [("new", "1 of 3"), ("again", "2 of 3")]


def test_a_task_writes_over_its_own_line(shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    watch = SimpleNamespace(now=0.0)
    with Progress(clock=lambda: watch.now).track("sampling", 4, "answers") as task:
        watch.now = 1.0
        task.advance(2)  # after a second: nothing yet
        assert shown == []
        watch.now = 3.0
        task.advance(1)
        watch.now = 4.0
    assert [kind for kind, _ in shown] == ["new", "again"]
    assert shown[0][1].startswith("sampling: 3/4 answers")
    assert shown[1][1].startswith("sampling: 3 answers in 0:04")
    assert capsys.readouterr() == ("", "")


def test_quiet_stays_quiet_and_a_terminal_is_no_notebook(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = SimpleNamespace(now=0.0)
    with Progress(quiet=True, clock=lambda: watch.now).track("sampling", 1, "answers") as task:
        watch.now = 5.0
        task.advance(1)
    assert shown == []
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace())
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()
