"""A worker's side: it warms up unasked, steps when told, and ends when nobody asks any more."""

import io
import json
import subprocess
import sys
import time

import pytest

from benchmarks.speed.pace import Pace, cpu_seconds
from benchmarks.speed.systems import ROOT


def test_a_step_each_time_it_is_told() -> None:
    told = io.StringIO()
    pace = Pace(warm_ups=2, orders=io.StringIO("step\n"), told=told)
    for _ in range(2):
        pace.begin()  # no order is read
        pace.end(tokens=1)
    pace.begin()
    time.sleep(0.01)
    pace.end(tokens=7)
    ready, step = (json.loads(line) for line in told.getvalue().splitlines())
    assert ready["ready"] and "torch" in ready["versions"]
    assert step["tokens"] == 7
    assert step["wall_seconds"] >= 0.01
    assert step["peak_rss_bytes"] > 1 << 20
    with pytest.raises(SystemExit) as end:
        pace.begin()
    assert end.value.code == 0


def test_cpu_seconds_count_work_and_not_waiting() -> None:
    before = cpu_seconds()
    time.sleep(0.05)
    waited = cpu_seconds() - before
    before, began = cpu_seconds(), time.monotonic()
    while cpu_seconds() - before < 0.05:
        assert time.monotonic() - began < 60
    assert waited < 0.05


def test_the_peak_is_of_the_process_and_never_falls() -> None:
    # in a process of its own: the peak of the one that tests may be far above what it has now
    program = (
        "from benchmarks.speed.pace import peak_rss_bytes as peak\n"
        "before = peak()\n"
        "block = b'x' * (64 << 20)\n"
        "raised = peak()\n"
        "del block\n"
        "print(raised - before, peak() - raised)"
    )
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    grown, after = map(int, said.stdout.split())
    assert 60 << 20 < grown < 80 << 20
    assert after > -(1 << 20)  # the kernel counts pages in small lots
