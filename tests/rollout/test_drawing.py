"""Each row is drawn under its own settings, by its own numbers."""

import math

import pytest
import torch

from rather.rollout.drawing import Row, draw
from rather.rollout.requests import Completion, Settings

LOGITS = torch.tensor([[0.1, 0.2, 0.3, 0.4]]).log()
"""-2.303, -1.609, -1.204, -0.916. What is added to them (`equations.sampling.gumbels`):

    by 0      0.174  -1.290   3.522  -0.807
    by 0.25   0.709   1.950   0.170   0.502
    by 0.75  -0.241   1.007   0.330  -0.354
"""


def row(temperature: float, *uniforms: float, top_p: float = 1.0, done: int = 0) -> Row:
    completion = Completion(uniforms, ids=[0] * done)
    return Row(Settings(temperature, 9, (), top_p), completion)


def test_rows_of_all_kinds_at_once() -> None:
    rows = [
        row(1.0, 0.25),  # -1.593 0.341 -1.034 -0.414
        row(0.0),  # the likeliest
        row(1.0, 0.25, 0.0, done=1),  # its second number: -2.129 -2.900 2.318 -1.723
        row(0.5, 0.75),  # -4.605 -3.219 -2.408 -1.833 are -4.846 -2.212 -2.078 -2.186
        row(1.0, 0.25, top_p=0.5),  # the last two are left
    ]
    found = draw(LOGITS.expand(5, -1), rows)
    assert [token for token, _ in found] == [1, 3, 2, 2, 3]
    expected = [0.2, 0.4, 0.3, 9 / 30, 0.4]
    assert [math.exp(logprob) for _, logprob in found] == pytest.approx(expected, abs=1e-6)


def test_only_the_greedy() -> None:
    found = draw(torch.cat([LOGITS, LOGITS.flip(1)]), [row(0.0), row(0.0)])
    assert [token for token, _ in found] == [3, 0]
    assert [logprob for _, logprob in found] == pytest.approx([math.log(0.4)] * 2, abs=1e-6)


def test_half_precision_is_drawn_in_float32() -> None:
    # in bfloat16 100 and 100.4 are 100 and 100.5: e^0.5 = 1.648721 to 1, 0.377541 and 0.622459
    logits = torch.tensor([[100.0, 100.5]], dtype=torch.bfloat16)
    ((token, logprob),) = draw(logits, [row(1.0, 0.25)])
    assert (token, math.exp(logprob)) == (1, pytest.approx(0.622459, abs=1e-5))
