"""Progress: plain lines sparingly, a bar on a terminal, silence when asked, stdout untouched."""

import io
import time

import pytest

from rather.progress import Progress


class Clock:
    """Time that only passes when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def work(progress: Progress, clock: Clock, steps: int, seconds: float, note: str = "") -> None:
    with progress.track("sampling", steps, "prompts") as task:
        for _ in range(steps):
            clock.now += seconds
            task.advance(note=note)


def test_plain_lines_come_every_two_seconds_and_a_summary_ends(clock: Clock) -> None:
    stream = io.StringIO()
    work(Progress(stream=stream, clock=clock), clock, steps=5, seconds=1.0, note="620 tokens/s")
    # After 2 s: 2 of 5 done at 1 a second, 3 s left; after 4 s: 4 done, 1 s left.
    assert stream.getvalue().splitlines() == [
        "sampling: 2/5 prompts, 1 prompts/s, 0:03 left, 620 tokens/s",
        "sampling: 4/5 prompts, 1 prompts/s, 0:01 left, 620 tokens/s",
        "sampling: 5 prompts in 0:05 (1 prompts/s), 620 tokens/s",
    ]


def test_what_is_short_leaves_no_trace(clock: Clock) -> None:
    stream = io.StringIO()
    work(Progress(stream=stream, clock=clock), clock, steps=3, seconds=0.5)
    assert stream.getvalue() == ""


def test_an_unknown_end_has_no_eta(clock: Clock) -> None:
    stream = io.StringIO()
    with Progress(stream=stream, clock=clock).track("reading", None, "rows") as task:
        clock.now = 3600.0
        task.advance(900_000)
    assert stream.getvalue().splitlines() == [
        "reading: 900000 rows, 250 rows/s",
        "reading: 900000 rows in 1:00:00 (250 rows/s)",
    ]


def test_quiet_prints_nothing(clock: Clock) -> None:
    stream = Terminal()
    progress = Progress(quiet=True, stream=stream, clock=clock)
    progress.say("hello")
    work(progress, clock, steps=5, seconds=1.0)
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_which_leaves_a_line(clock: Clock) -> None:
    stream = Terminal()
    progress = Progress(stream=stream, clock=clock)
    with progress.track("ppo", 2, "steps") as outer, progress.track("rollout", 4, "rows") as inner:
        clock.now = 4.0
        inner.advance(2, "[kl] 0.1")
        outer.advance()
        progress.say("a [line] between")
        deadline = time.monotonic() + 10
        while "2/4 rows" not in stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.02)  # the bar is redrawn by a thread of its own
    shown = stream.getvalue()
    assert "━" in shown
    assert "2/4 rows, 0.5 rows/s, 0:04 left, [kl] 0.1" in shown
    assert "a [line] between" in shown
    assert "rollout: 2 rows in 0:04 (0.5 rows/s), [kl] 0.1" in shown
    assert shown.endswith("ppo: 1 steps in 0:04 (0.25 steps/s)\n")


@pytest.mark.parametrize(
    ("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("COLUMNS", "40")]
)
def test_terminals_that_cannot_have_a_bar_get_lines(
    variable: str, value: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    stream = Terminal()
    work(Progress(stream=stream, clock=clock), clock, steps=2, seconds=2.0)
    assert stream.getvalue().splitlines()[0] == "sampling: 1/2 prompts, 0.5 prompts/s, 0:02 left"
    assert "\x1b" not in stream.getvalue()


def test_an_error_inside_takes_the_bar_away(clock: Clock) -> None:
    stream = Terminal()
    progress = Progress(stream=stream, clock=clock)
    with pytest.raises(ZeroDivisionError), progress.track("sampling", 2, "prompts"):
        raise ZeroDivisionError
    progress.say("after")
    assert stream.getvalue().endswith("after\n")


def test_by_default_it_speaks_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    Progress().say("hello")
    assert capfd.readouterr() == ("", "hello\n")


def test_what_is_silent_for_long_is_announced_once() -> None:
    stream = io.StringIO()
    with Progress(stream=stream).announced("loading", seconds=0.01):
        time.sleep(0.2)
    assert stream.getvalue() == "loading\n"


def test_what_speaks_or_ends_by_itself_is_not_announced() -> None:
    stream = io.StringIO()
    progress = Progress(stream=stream)
    with progress.announced("loading", seconds=0.05):
        progress.say("halfway")
        time.sleep(0.2)
    with progress.announced("loading", seconds=0.05):
        pass
    time.sleep(0.2)
    assert stream.getvalue() == "halfway\n"
