"""A device's memory is all of it."""

import os

import pytest
import torch

from rather.models.memory import UNKNOWN, device_memory


def test_the_machine_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1 << 20}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    assert device_memory(torch.device("cpu")) == 4 << 30


def test_a_system_that_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sysconf")
    assert device_memory(torch.device("cpu")) == UNKNOWN
