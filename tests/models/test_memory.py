"""A device's memory is all of it; what torch keeps of products it has made does not pile up."""

import os
import subprocess
import sys

import pytest
import torch

from rather.models.memory import CACHES, UNKNOWN, device_memory, keep_few_programs

MULTIPLY = """
from pathlib import Path
import torch
from rather.models.memory import keep_few_programs

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

keep_few_programs()
x, *weights = (torch.ones(rows, 256, dtype=torch.bfloat16) for rows in (600, 512, 64))
def multiply(lengths):
    for length in lengths:
        for weight in weights:
            torch.nn.functional.linear(x[:length], weight)
multiply(range(100, 200))
before = resident()
multiply(range(200, 600))
print(resident() - before)
"""


def test_the_machine_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1 << 20}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    assert device_memory(torch.device("cpu")) == 4 << 30


def test_a_system_that_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sysconf")
    assert device_memory(torch.device("cpu")) == UNKNOWN


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what is resident")
def test_programs_of_products_do_not_pile_up() -> None:
    clean = {key: value for key, value in os.environ.items() if key not in CACHES}
    run = [sys.executable, "-c", MULTIPLY]
    found = subprocess.run(run, env=clean, capture_output=True, text=True, check=True)
    assert int(found.stdout) < 32 << 20


def test_the_environment_may_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {CACHES[0]: "500"}
    monkeypatch.setattr(os, "environ", environment)
    keep_few_programs()
    assert environment == {CACHES[0]: "500", CACHES[1]: "96"}
