"""Each row is drawn under its own settings, by its own numbers."""

import math

import pytest
import torch

from rather.rollout.drawing import Row, draw
from rather.rollout.requests import Completion, Settings

LOGITS = torch.tensor([[0.1, 0.2, 0.3, 0.4]]).log()
"""Cumulative at temperature 1: 0.1, 0.3, 0.6, 1."""


def row(temperature: float, *uniforms: float, top_p: float = 1.0, done: int = 0) -> Row:
    completion = Completion(uniforms, ids=[0] * done)
    return Row(Settings(temperature, 9, (), top_p), completion)


def test_rows_of_all_kinds_at_once() -> None:
    rows = [
        row(1.0, 0.05),  # below 0.1
        row(0.0),  # the likeliest
        row(1.0, 0.05, 0.35, done=1),  # its second number
        row(0.5, 0.15),  # weights 1 4 9 16 of 30: cumulative 1/30, 5/30 = 0.17
        row(1.0, 0.05, top_p=0.5),  # 0.3 and 0.4 are left
    ]
    found = draw(LOGITS.expand(5, -1), rows)
    assert [token for token, _ in found] == [0, 3, 2, 1, 2]
    expected = [0.1, 0.4, 0.3, 4 / 30, 0.3]
    assert [math.exp(logprob) for _, logprob in found] == pytest.approx(expected, abs=1e-6)


def test_only_the_greedy() -> None:
    found = draw(torch.cat([LOGITS, LOGITS.flip(1)]), [row(0.0), row(0.0)])
    assert [token for token, _ in found] == [3, 0]
    assert [logprob for _, logprob in found] == pytest.approx([math.log(0.4)] * 2, abs=1e-6)


def test_half_precision_is_drawn_in_float32() -> None:
    # in bfloat16 100 and 100.4 are 100 and 100.5: e^0.5 = 1.648721 to 1, 0.377541 and 0.622459
    logits = torch.tensor([[100.0, 100.5]], dtype=torch.bfloat16)
    ((token, logprob),) = draw(logits, [row(1.0, 0.3776)])
    assert (token, math.exp(logprob)) == (1, pytest.approx(0.622459, abs=1e-5))
