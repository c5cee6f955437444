"""How long a step takes: its parts by hand on hardware that reaches everything."""

from dataclasses import replace

import pytest

from rather.planning import work
from rather.planning.duration import duration_of
from rather.planning.hardware import Hardware
from rather.planning.shape import Shape
from rather.planning.stages import Load, Thrift, Trunk

TINY = Shape(2, 4, 4, 2, 6, 10, rank=1)
ROWS = [(3, (2, 1))]
LEARN, HALF, LOOK = 8992, 3112, 2656
"""As in test_work: a pass with its gradients through both layers or one, a pass without an adapter,
each without what the last layer does not do for the four tokens that predict none."""


class Perfect(Hardware):
    """Reaches its best, and starts operations for nothing."""

    share_of_bytes = 1.0  # type: ignore[assignment]
    seconds_a_layer = 0.0  # type: ignore[assignment]

    def reached(self, num_bytes: int) -> float:
        """All of it, and half in float32."""
        return self.flops * 2 / num_bytes


CARD = Perfect("card", 1, 10e9, 1.0, 1.0, 1.0, 1.0)
"""One product, one byte a second."""


def test_a_reward_model_s_update_is_its_pass() -> None:
    load = Load("reward", ROWS, 10, (Trunk("reward model", 2),), has_logits=False)
    assert duration_of(TINY, load, CARD, 2).parts == {"learn": LEARN}


def test_a_policy_s_update_has_a_head_and_perhaps_a_reference() -> None:
    load = Load("dpo", ROWS, 10, (Trunk("policy", 2),), has_reference=True)
    # 240 of the reference's head, 480 of the policy's and its gradient
    assert duration_of(TINY, load, CARD, 2).parts == {"look": LOOK + 240, "learn": LEARN + 480}


def test_all_weights_cost_three_forward_passes() -> None:
    load = Load("sft", ROWS, 10, (Trunk("policy", 2, is_full=True),))
    assert duration_of(TINY, load, CARD, 2).total == 2 * (3 * 3488 + 480)  # in float32


def test_top_layers_still_pass_what_lies_below() -> None:
    load = Load("sft", ROWS, 10, (Trunk("policy", 1),))
    assert duration_of(TINY, load, CARD, 2).total == HALF + 3488 / 2 + 480
    alone = replace(load, keeps_lower=True)  # as DPO without a reference: nobody else passes it
    assert duration_of(TINY, alone, CARD, 2).total == HALF + 3488 / 2 + 480


def test_top_layers_go_on_from_where_the_reference_passed() -> None:
    top = Load("dpo", ROWS, 10, (Trunk("policy", 1),), has_reference=True, keeps_lower=True)
    assert duration_of(TINY, top, CARD, 2).parts == {"look": LOOK + 240, "learn": HALF + 480}
    # the policy that wrote is looked at in its own layer only, with its adapter, and its head
    wrote = duration_of(TINY, replace(top, stage="ppo", writes=True), CARD, 2).parts
    assert wrote["look"] == LOOK + 240 + (4880 / 2 - 4 * 300) + 240


def test_layers_that_are_computed_again_cost_a_forward_pass() -> None:
    load = Load("reward", ROWS, 10, (Trunk("reward model", 2),), has_logits=False)
    again = replace(load, thrift=Thrift(recomputes=True))
    assert duration_of(TINY, again, CARD, 2).total == LEARN + 4880 - 4 * 300


def test_two_ranks_share_the_rows_and_exchange_the_gradients() -> None:
    load = Load("reward", ROWS * 2, 10, (Trunk("reward model", 2),), has_logits=False)
    found = duration_of(TINY, load, replace(CARD, count=2), 2).parts
    assert found == {"learn": LEARN, "exchange": 2 * 4 * 116 / 2}


def test_writing_is_bound_by_weights_or_by_products() -> None:
    load = Load("ppo", ROWS, 10, (Trunk("policy", 2),), writes=True)
    slow_memory = replace(CARD, flops=1e9, bandwidth=1.0)
    # two tokens of the longest completion, all weights in two bytes each time
    assert duration_of(TINY, load, slow_memory, 2).parts["write"] == pytest.approx(
        2 * 2 * (240 + 40), rel=1e-3
    )
    fast_memory = replace(CARD, bandwidth=1e9)
    whole = work.generation(TINY, ROWS, adapted_layers=2).flops
    assert duration_of(TINY, load, fast_memory, 2).parts["write"] == pytest.approx(whole, rel=0.01)
