"""The scalar head: its first weights, its centre, its precision."""

import pytest
import torch

from rather.models.heads import ScalarHead


def test_a_score_by_hand() -> None:
    head = ScalarHead(3)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
        head.bias.fill_(0.5)
    hidden = torch.tensor([[[1.0, 1.0, 1.0], [0.0, -1.0, 1.0]]])
    assert head(hidden).tolist() == [[5.5, 0.5]]


def test_first_scores_are_of_order_one() -> None:
    # N(0, 1/√(d+1)): 1/√1025 = 0.031235
    head = ScalarHead(1024, seed=3)
    assert head.weight.std().item() == pytest.approx(0.031235, rel=0.08)
    assert head.bias.item() == 0
    hidden = torch.randn(500, 1024, generator=torch.Generator().manual_seed(0))
    assert head(hidden).std().item() == pytest.approx(1.0, abs=0.15)


def test_the_seed_is_all_that_counts() -> None:
    torch.manual_seed(1)
    first = ScalarHead(8, seed=5).weight
    torch.manual_seed(2)
    assert torch.equal(ScalarHead(8, seed=5).weight, first)
    assert not torch.equal(ScalarHead(8, seed=6).weight, first)


def test_a_new_critic_says_0_and_can_learn() -> None:
    head = ScalarHead.zero(4)
    values = head(torch.ones(2, 4))
    assert values.tolist() == [0.0, 0.0]
    values.sum().backward()
    assert head.weight.grad is not None
    assert head.weight.grad.tolist() == [2.0] * 4


def test_the_bias_is_kept_and_never_trained() -> None:
    head = ScalarHead(4)
    assert [name for name, _ in head.named_parameters()] == ["weight"]
    assert sorted(head.state_dict()) == ["bias", "weight"]


def test_half_precision_states_are_read_in_float32() -> None:
    head = ScalarHead(2)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([1.0, 2**-12]))
    found = head(torch.ones(1, 2, dtype=torch.bfloat16))
    assert found.dtype == torch.float32
    assert found.item() == 1.000244140625  # bfloat16 would have lost the second term
