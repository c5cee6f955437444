"""Who scores an evaluation, and which held-out reward model is none."""

from collections.abc import Callable

import pytest

from rather.errors import UsageError
from rather.stages import tuning
from rather.stages.labelling import simulate
from rather.stages.measuring.scoring import cautions, scorer_names
from rather.workspace import Workspace


def test_the_simulators_gold_is_taken_where_none_is_named(judged_ws: Workspace) -> None:
    assert "gold" not in scorer_names(judged_ws, judged_ws.config.evaluate)
    simulate(judged_ws, "plain_reader", dry_run=False)
    assert scorer_names(judged_ws, judged_ws.config.evaluate)["gold"] == "plain_reader"


def test_reward_models_by_name_together_and_held_out(
    new_judged_ws: Callable[..., Workspace],
) -> None:
    ws = new_judged_ws()
    assert scorer_names(ws, ws.config.evaluate) == {}
    tuning.reward(ws, dry_run=False, fresh=False)
    for half in ("first", "second"):
        tuning.reward(
            ws.configured({"reward": {"half": half, "seed": 1}}), dry_run=False, fresh=False
        )
    chosen = ws.configured(
        {"evaluate": {"reward": "reward-1,newest", "heldout_reward": "reward-2"}}
    )
    found = scorer_names(chosen, chosen.config.evaluate)
    assert found == {"reward": "reward-1,reward-3", "heldout": "reward-2"}
    assert cautions(chosen, found) == []
    # the newest but the one that is held out
    newest = ws.configured({"evaluate": {"heldout_reward": "reward-3"}})
    assert scorer_names(newest, newest.config.evaluate)["reward"] == "reward-2"
    (said,) = cautions(chosen, {"reward": "reward-2", "heldout": "reward-2"})
    assert said.startswith("reward-2 learnt from the same judgments as reward-2, so it is no held")
    without = ws.configured({"evaluate": {"reward": None}})
    assert scorer_names(without, without.config.evaluate) == {}
    wrong = ws.configured({"evaluate": {"heldout_reward": "vader"}})
    with pytest.raises(UsageError, match=r"evaluate.heldout_reward: 'vader' is no reward version"):
        scorer_names(wrong, wrong.config.evaluate)
