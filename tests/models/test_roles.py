"""Four roles on one backbone: the same numbers however rows are cut, padded and ordered."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor

from rather.data.batch import Batch, Lower, Row, by_length, pack, split_by_tokens
from rather.models.backbone import Backbone
from rather.models.heads import ScalarHead
from rather.models.roles import Policy, RewardModel, ValueModel

Loud = Callable[..., str]
Numbers = Callable[[Batch], Tensor]


def roles(backbone: Backbone, adapter: str | None) -> dict[str, Numbers]:
    head = ScalarHead(backbone.hidden_size, seed=1).requires_grad_(False)
    return {
        "logprobs": Policy(backbone, adapter).logprobs,
        "values": ValueModel(backbone, adapter, head).values,
        "last": RewardModel(backbone, adapter, head, "last").scores,
        "mean": RewardModel(backbone, adapter, head, "mean").scores,
    }


def flat(numbers: Numbers, rows: list[Row], groups: list[list[int]]) -> list[list[float]]:
    """What a role says of each row, computed group by group, in the rows' own order."""
    found: dict[int, list[float]] = {}
    for group in groups:
        batch = pack([rows[index] for index in group])
        with torch.no_grad():
            result = numbers(batch)
        for place, index in enumerate(group):
            mine = result[batch.row_of == place]
            mask = batch.completion_mask[batch.row_of == place]
            found[index] = (mine[mask] if mine.ndim == 2 else mine).tolist()
    return [found[index] for index in range(len(rows))]


@pytest.mark.parametrize("role", ["logprobs", "values", "last", "mean"])
@pytest.mark.parametrize("adapted", [False, True])
def test_batches_microbatches_and_neighbours_change_nothing(
    role: str, adapted: bool, tiny_backbone: Backbone, rows: list[Row], loud: Loud
) -> None:
    numbers = roles(tiny_backbone, loud(tiny_backbone) if adapted else None)[role]
    whole = flat(numbers, rows, [[0, 1, 2]])
    for groups in ([[2, 0, 1]], [[0], [1], [2]], split_by_tokens(rows, 26), by_length(rows, 26)):
        assert sum(map(len, groups)) == 3
        for one, other in zip(flat(numbers, rows, groups), whole, strict=True):
            assert one == pytest.approx(other, abs=1e-5)
    # a completion alone in its row
    for row, expected in zip(rows, whole, strict=True):
        alone = [Row(row.prompt_ids, (completion,)) for completion in row.completions]
        parts = flat(numbers, alone, [[index] for index in range(len(alone))])
        assert [x for part in parts for x in part] == pytest.approx(expected, abs=1e-5)


def test_masked_places_are_0(tiny_backbone: Backbone, rows: list[Row]) -> None:
    batch = pack(rows)
    found = roles(tiny_backbone, None)
    for role in ("logprobs", "values"):
        numbers = found[role](batch)
        assert numbers.shape == batch.completion_mask.shape == (6, 9)
        assert not numbers[~batch.completion_mask].any()
        assert numbers[batch.completion_mask].all()
    assert found["last"](batch).shape == found["mean"](batch).shape == (6,)


def test_off_is_the_bare_model(tiny_backbone: Backbone, rows: list[Row], loud: Loud) -> None:
    batch = pack(rows)
    before = Policy(tiny_backbone).logprobs(batch)
    adapted = Policy(tiny_backbone, loud(tiny_backbone)).logprobs(batch)
    assert (adapted - before).abs().max() > 0.1
    assert torch.equal(Policy(tiny_backbone).logprobs(batch), before)


def test_log_probabilities_of_all_tokens_sum_to_one(tiny_backbone: Backbone) -> None:
    batch = pack([Row((5, 6, 7), tuple((token,) for token in range(262)))])
    for temperature in (0.5, 1.0, 2.0):
        found = Policy(tiny_backbone).logprobs(batch, temperature)
        assert found.exp().sum().item() == pytest.approx(1.0, abs=1e-4)


def test_a_high_temperature_flattens(tiny_backbone: Backbone) -> None:
    batch = pack([Row((5, 6, 7), ((8,), (9,)))])
    found = Policy(tiny_backbone).logprobs(batch, 1e6)
    assert found.flatten().tolist() == pytest.approx([-5.568345] * 2, abs=1e-4)  # −ln 262


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_what_a_reward_model_reads(
    pooling: Literal["last", "mean"], tiny_backbone: Backbone
) -> None:
    head = ScalarHead(32, seed=1)
    row = Row((5, 6), ((7, 8, 9), (10,)))
    batch = pack([row])
    pooled = RewardModel(tiny_backbone, None, head, pooling).pooled(batch)
    hidden = tiny_backbone.hidden(batch, None)
    # packed: 5 6 | 7 8 9 | 10
    expected = {"last": hidden[4], "mean": (hidden[2] + hidden[3] + hidden[4]) / 3}[pooling]
    torch.testing.assert_close(pooled[0], expected)
    torch.testing.assert_close(pooled[1], hidden[5])


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_a_shallow_role_is_one_on_a_shallow_model(
    pooling: Literal["last", "mean"], tiny_backbone: Backbone, rows: list[Row]
) -> None:
    """Read after one layer of two: as on a copy of the model that has only that layer."""
    batch, head = pack(rows), ScalarHead(32, seed=1)
    copy = tiny_backbone.trainable_copy()
    del copy.decoder.layers[1]  # type: ignore[operator]
    shallow = Backbone(copy.model)
    found = RewardModel(tiny_backbone, None, head, pooling, depth=1).scores(batch)
    torch.testing.assert_close(found, RewardModel(shallow, None, head, pooling).scores(batch))
    assert not torch.equal(found, RewardModel(tiny_backbone, None, head, pooling).scores(batch))
    found = ValueModel(tiny_backbone, None, head, depth=1).values(batch)
    torch.testing.assert_close(found, ValueModel(shallow, None, head).values(batch))


def test_known_lower_states_serve_a_shallow_role_where_they_are_low_enough(
    tiny_backbone: Backbone, rows: list[Row]
) -> None:
    batch, head = pack(rows), ScalarHead(32, seed=1)
    model = RewardModel(tiny_backbone, None, head, "mean", depth=1)
    expected = model.scores(batch)
    low = tiny_backbone.lower(batch, 1)
    torch.testing.assert_close(model.scores(replace(batch, lower=low)), expected)
    # of a layer above what the model reads: no use to it
    high = Lower(tiny_backbone, 2, torch.full_like(low.hidden, 7.0))
    torch.testing.assert_close(model.scores(replace(batch, lower=high)), expected)


def test_a_value_is_read_before_its_token(tiny_backbone: Backbone) -> None:
    """The last token of a completion cannot change any value of it; the prompt changes all."""
    numbers = roles(tiny_backbone, None)["values"]
    a = numbers(pack([Row((5, 6), ((7, 8, 9),))]))
    b = numbers(pack([Row((5, 6), ((7, 8, 99),))]))
    c = numbers(pack([Row((5, 99), ((7, 8, 9),))]))
    torch.testing.assert_close(a, b, atol=1e-6, rtol=0)
    assert (a - c).abs().min() > 1e-4


def test_shared_hidden_states_give_the_same(tiny_backbone: Backbone, rows: list[Row]) -> None:
    batch = pack(rows)
    policy = Policy(tiny_backbone)
    critic = ValueModel(tiny_backbone, None, ScalarHead(32, seed=1))
    hidden = policy.hidden(batch)
    assert torch.equal(policy.logprobs_of(hidden, batch), policy.logprobs(batch))
    assert torch.equal(critic.values_of(hidden, batch), critic.values(batch))


def test_the_head_and_the_adapter_learn_from_a_score(
    tiny_backbone: Backbone, rows: list[Row], loud: Loud
) -> None:
    adapter = loud(tiny_backbone)
    for parameter in tiny_backbone.adapter_parameters(adapter).values():
        parameter.requires_grad_(True)
    model = RewardModel(tiny_backbone, adapter, ScalarHead(32, seed=1), "last")
    model.scores(pack(rows)).sum().backward()
    assert model.head.weight.grad is not None and model.head.weight.grad.abs().sum() > 0
    learnt = tiny_backbone.adapter_parameters(adapter).values()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in learnt)
