"""Hostile templates end in a sentence, in a process that is no longer there; others go on."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from rather.data.templates.rendering import MOST_IDLE, BadTemplate, Renderers

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.fixture
def renderers() -> Iterator[Renderers]:
    found = Renderers()
    yield found
    found.close()


def test_text_survives_the_way_there_and_back(renderers: Renderers) -> None:
    said = 'é\n\u2028 "{{ no }}" \U0001f600'
    assert renderers.render("<{{ said }}>", {"said": said}) == f"<{said}>"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (ENDLESS, "longer than 2 seconds"),
        ("{{ 'a' * 10**10 }}", "512 MB of memory"),
        (
            "{% set ns = namespace(x='a') %}{% for i in range(60) %}"
            "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
            "512 MB of memory",
        ),
        ("{{ 'a'|center(10**10) }}", "512 MB of memory"),
        ("{{ 10 ** (10 ** 10) }}", "longer than 2 seconds"),
        ("{% for a in range(99999) %}{{ 'x' * 5000 }}{% endfor %}", "than 16777216 characters"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("{{ cycler.__init__.__globals__.os.popen('id').read() }}", "unsafe"),
        ("{% set ns = namespace(__class__=1) %}", "a namespace cannot hold __class__"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{% include '/etc/passwd' %}", "no loader"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{% for", "unexpected 'end of template'"),
        ("{{ raise_exception('Roles must alternate') }}", "^Roles must alternate$"),
    ],
)
def test_whatever_a_template_does_it_ends_with_a_reason(
    renderers: Renderers, template: str, reason: str
) -> None:
    with pytest.raises(BadTemplate, match=reason):
        renderers.render(template, {"messages": []})
    assert renderers.render("{{ x }}", {"x": "well"}) == "well"


@pytest.mark.slow
def test_one_that_loops_delays_nobody_else(renderers: Renderers) -> None:
    ended = threading.Event()

    def loop() -> None:
        with pytest.raises(BadTemplate):
            renderers.render(ENDLESS, {})
        ended.set()

    thread = threading.Thread(target=loop)
    thread.start()
    texts = [renderers.render("{{ x }}", {"x": str(number)}) for number in range(50)]
    assert not ended.is_set()
    assert texts == [str(number) for number in range(50)]
    thread.join()
    assert ended.is_set()


def test_one_process_is_enough_for_one_thread_and_few_are_kept(renderers: Renderers) -> None:
    for number in range(20):
        renderers.render("{{ x }}", {"x": number})
    (process,) = renderers._idle
    threads = [
        threading.Thread(target=renderers.render, args=("{{ x }}", {"x": 1})) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(renderers._idle) <= MOST_IDLE
    renderers.close()
    assert process.returncode == 0


def test_a_process_that_somebody_ended_is_replaced(renderers: Renderers) -> None:
    renderers.render("{{ 1 }}", {})
    os.kill(renderers._idle[0].pid, signal.SIGKILL)
    renderers._idle[0].wait()
    assert renderers.render("{{ 2 }}", {}) == "2"


def test_a_fork_asks_processes_of_its_own(renderers: Renderers) -> None:
    renderers.render("{{ 1 }}", {})
    (process,) = renderers._idle
    pid = os.fork()
    if pid == 0:
        well = renderers.render("{{ 2 }}", {}) == "2" and process not in renderers._idle
        renderers.close()
        os._exit(0 if well else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert renderers.render("{{ 3 }}", {}) == "3"
    assert renderers._idle == [process]


def test_an_interrupted_caller_leaves_no_answer_for_the_next(renderers: Renderers) -> None:
    def leave(number: int, frame: object) -> None:
        raise InterruptedError("left")

    before = signal.signal(signal.SIGALRM, leave)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(InterruptedError):
            renderers.render(ENDLESS, {})
    finally:
        signal.signal(signal.SIGALRM, before)
    assert renderers._idle == []
    began = time.monotonic()
    assert renderers.render("{{ 4 }}", {}) == "4"
    assert time.monotonic() - began < 20
