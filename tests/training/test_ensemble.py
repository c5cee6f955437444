"""An ensemble: bootstrapped by prompt, one adapter a member, resumed at the member under way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rather.config.optimization import Adapter
from rather.config.stages import Reward
from rather.data.batch import Row
from rather.data.judged import Judged, Opinion
from rather.models.library import load_backbone, weights_digest
from rather.models.roles import Policy, RewardEnsemble
from rather.models.tuning import Tuned, start_tuning
from rather.rollout.tables import score_rows
from rather.training.ensemble import bootstrap, member_seed, train_ensemble

SECTION = Reward(ensemble=3, learning_rate=3e-3, batch_size=4, num_epochs=2, checkpoint_every=2)


def judged(prompt: int, first: int) -> Judged:
    return Judged(Row((10, prompt), ((first, 2), (20, 2))), (Opinion((0, 1), (1, 2)),))


EIGHT = [judged(30 + n, 50 + n) for n in range(8)]


def trained(tiny_model: Path, run: Any, section: Reward = SECTION) -> tuple[RewardEnsemble, str]:
    policy = Policy(load_backbone(tiny_model, torch.float32, "cpu"))

    def new_member(name: str, seed: int) -> Tuned:
        return start_tuning(policy, name, Adapter(rank=4, alpha=8.0), seed, 1)

    model = train_ensemble(section, new_member, EIGHT, [one.row for one in EIGHT], run, seed=1)
    weights: dict[str, torch.Tensor] = {}
    for number, member in enumerate(model.members):
        assert member.backbone is policy.backbone and member.adapter is not None
        for key, weight in policy.backbone.adapter_parameters(member.adapter).items():
            weights[f"{number}.{key}"] = weight
        weights[f"{number}.head"] = member.head.weight
        weights[f"{number}.bias"] = member.head.bias
    return model, weights_digest(weights)


def test_a_bootstrap_draws_whole_prompts() -> None:
    # the prompt 30 has two rows: whenever it is drawn, both come, side by side
    data = [judged(30, 50), judged(31, 51), judged(30, 52), judged(32, 53)]
    drawn = [bootstrap(data, seed) for seed in range(200)]
    for sample in drawn:
        prompts = [one.row.prompt_ids[1] for one in sample]
        places = [place for place, prompt in enumerate(prompts) if prompt == 30]
        assert len(places) % 2 == 0
        assert len(prompts) - len(places) // 2 == 3  # three prompts are drawn
        firsts = [sample[place].row.completions[0][0] for place in places]
        assert firsts == [50, 52] * (len(places) // 2)
    # a given one of three prompts is missing with probability (2/3)³ = 0.296: 59 of 200, ± 6.5
    missing = sum(all(one.row.prompt_ids[1] != 31 for one in sample) for sample in drawn)
    assert 40 <= missing <= 79
    assert bootstrap(data, 5) == bootstrap(data, 5)


def test_members_have_seeds_of_their_own() -> None:
    assert [member_seed(seed, number) for seed in (0, 7) for number in (1, 2)] == [1, 2, 7001, 7002]


def test_members_share_the_backbone_and_differ(
    tiny_model: Path, new_run: Callable[..., Any]
) -> None:
    recorded = new_run()
    model, _ = trained(tiny_model, recorded.run)
    rows = [one.row for one in EIGHT]
    alone = [score_rows(member, rows, 4096) for member in model.members]
    assert alone[0] != alone[1] != alone[2]
    for member in alone:  # each is centred on the reference rows
        flat = [score for row in member for score in row]
        assert sum(flat) / len(flat) == pytest.approx(0.0, abs=1e-5)
    for row, scores in enumerate(score_rows(model, rows, 4096)):
        means = [sum(member[row][n] for member in alone) / 3 for n in (0, 1)]
        assert scores == pytest.approx(means, abs=1e-6)
    # eight rows in fours, twice: four updates a member, counted on from one to the next
    assert sorted(recorded.metrics) == list(range(12))


@pytest.mark.parametrize(
    "dies_after", [6, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 4, 11))]
)
def test_a_killed_run_goes_on_with_the_member_under_way(
    tiny_model: Path, new_run: Callable[..., Any], dies_after: int
) -> None:
    _, whole = trained(tiny_model, new_run("whole").run)
    with pytest.raises(KeyboardInterrupt):
        trained(tiny_model, new_run("killed", dies_after).run)
    again = new_run("killed")
    _, resumed = trained(tiny_model, again.run)
    assert resumed == whole
    # nothing of the members that were done is trained again; two updates at most of the one that
    # was not, as a checkpoint is made after every second
    assert min(again.metrics, default=12) >= dies_after - 2


def test_one_member_is_no_ensemble_of_full_copies() -> None:
    full = Adapter(tuning="full")
    assert Reward(adapter=full).ensemble == 1
    with pytest.raises(ValueError, match="reward models share one backbone, so"):
        Reward(ensemble=2, adapter=full)
