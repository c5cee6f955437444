"""Log-probabilities of given tokens, and masked sums, by hand."""

import math

import pytest
import torch

from rather.equations.logprobs import gather_logprobs, masked_mean, masked_sum


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        (1.0, [0.25, 0.75]),  # logits (0, ln 3): odds 1 to 3
        (0.5, [0.1, 0.9]),  # halved temperature squares the odds: 1 to 9
    ],
)
def test_probabilities_by_hand(temperature: float, expected: list[float]) -> None:
    logits = torch.tensor([[0.0, math.log(3)]]).expand(2, 2)
    found = gather_logprobs(logits, torch.tensor([0, 1]), temperature=temperature)
    assert found.exp().tolist() == pytest.approx(expected)


def test_half_precision_logits_are_normalized_in_float32() -> None:
    logits = torch.zeros(1, 1000, dtype=torch.bfloat16)
    found = gather_logprobs(logits, torch.tensor([3]))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(-6.907755, abs=1e-5)  # −ln 1000


def test_huge_logits_do_not_overflow() -> None:
    found = gather_logprobs(torch.tensor([[1e4, 0.0]]), torch.tensor([1]))
    assert found.item() == -1e4


def test_the_gradient_is_one_hot_minus_softmax() -> None:
    logits = torch.zeros(1, 4, requires_grad=True)
    gather_logprobs(logits, torch.tensor([0])).sum().backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == [[0.75, -0.25, -0.25, -0.25]]


def test_what_is_masked_does_not_count_even_when_it_is_not_a_number() -> None:
    values = torch.tensor([[1.0, 2.0, float("nan")], [4.0, float("inf"), 0.0]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    assert masked_sum(values, mask).tolist() == [3.0, 4.0]
    assert masked_mean(values, mask).item() == pytest.approx(7 / 3)
