"""What is measured of a policy's answers, and how two policies compare."""

import math
from collections.abc import Sequence

import pytest
import torch

from rather.data.batch import Row
from rather.evaluation.policy import (
    Answers,
    Measures,
    length_controlled_rates,
    longer_by,
    measure,
    win_rates,
)
from rather.models.backbone import Backbone
from rather.models.lora import LoraShape
from rather.models.roles import Policy
from rather.records import Completion, FinishReason

ROWS = [Row((7, 8), ((9, 10, 11),)), Row((5,), ((6,),)), Row((4, 4), ((9, 3),))]


def completion(number: int, num_tokens: int, reason: FinishReason) -> Completion:
    return Completion(
        f"c{number}", f"p{number}", "text", "m", {}, 0, finish_reason=reason, num_tokens=num_tokens
    )


WRITTEN = [completion(0, 3, "stop"), completion(1, 1, "length"), completion(2, 2, "stop")]


def num_tokens(rows: Sequence[Row]) -> list[float]:
    return [float(len(row.completions[0])) for row in rows]


def measured(writer: Policy, reference: Policy) -> Answers:
    measures = Measures(writer, reference, reference, {"gold": num_tokens}, 1.0, 4096)
    return measure("m", WRITTEN, ROWS, measures)


def test_the_reference_is_at_no_distance_from_itself(tiny_backbone: Backbone) -> None:
    found = measured(Policy(tiny_backbone), Policy(tiny_backbone))
    assert found.kl == 0.0
    assert found.scores == {"gold": (3.0, 1.0, 2.0)}
    assert found.mean_length == 2.0
    assert found.eos_rate == pytest.approx(2 / 3)


def test_kl_and_perplexity_of_a_model_that_knows_nothing(tiny_backbone: Backbone) -> None:
    """A head of zeros gives every token the probability 1/V."""
    tiny_backbone.add_adapter("loud", LoraShape(4, 8.0, tiny_backbone.linear_layers.names), 3)
    for parameter in tiny_backbone.adapter_parameters("loud").values():
        parameter.data.normal_(0.0, 0.3, generator=torch.Generator().manual_seed(4))
    reference, writer = Policy(tiny_backbone), Policy(tiny_backbone, "loud")
    there, back = measured(writer, reference), measured(reference, writer)
    assert there.kl == pytest.approx(-back.kl)
    assert there.kl != 0.0
    # measured against itself as its reference, and as far from the baseline as before
    measures = Measures(writer, writer, reference, {}, 1.0, 4096)
    own = measure("m", WRITTEN, ROWS, measures)
    assert (own.kl, own.baseline_kl) == (0.0, there.kl)
    torch.nn.init.zeros_(tiny_backbone.head.weight)  # type: ignore[arg-type]
    flat = measured(writer, reference)
    assert flat.kl == 0.0
    assert flat.base_perplexity == pytest.approx(tiny_backbone.head.weight.shape[0], rel=1e-4)  # type: ignore[index]


def test_win_rates_of_the_scorers_both_have() -> None:
    def answers(**scores: tuple[float, ...]) -> Answers:
        return Answers("m", tuple(WRITTEN), scores, (0.0,) * 3, (0.0,) * 3, 1.0)

    ours = answers(gold=(1.0, 0.0, 2.0), reward=(0.0, 0.0, 0.0))
    theirs = answers(gold=(0.0, 0.0, 3.0), judge=(1.0, 1.0, 1.0))
    found = win_rates(ours, theirs)
    # one win, one tie, one loss
    assert {name: (rate.value, rate.n) for name, rate in found.items()} == {"gold": (0.5, 3)}


def test_no_answers_have_no_mean() -> None:
    assert math.isnan(Answers("m", (), {}, (), (), 1.0).mean_length)


def test_the_error_of_the_kl_and_win_rates_at_equal_length() -> None:
    ours = Answers(
        "m", tuple(WRITTEN), {"gold": (1.0, 0.0, 2.0)}, (1.0, 2.0, 6.0), (2.0, 2.0, 5.0), 1.0
    )
    assert (ours.kl, ours.baseline_kl) == (3.0, 3.0)
    # variance (4 + 1 + 9) / 2 = 7 of three answers
    assert ours.kl_error == pytest.approx((7 / 3) ** 0.5)
    shorter = [completion(n, 1, "stop") for n in range(3)]
    theirs = Answers("b", tuple(shorter), {"gold": (0.0, 0.0, 3.0)}, (0.0,) * 3, (0.0,) * 3, 1.0)
    assert longer_by(ours, theirs) == [2.0, 0.0, 1.0]
    found = length_controlled_rates(ours, theirs)["gold"]
    # a win by 2, a tie by 0, a loss by 1: all a fit of two parameters says is that it knows little
    assert found.n == 3
    assert found.low < 0.2
    assert found.high > 0.8
