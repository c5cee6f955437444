"""The arms compared: by the same number of judged pairs each, on the same held-out pairs."""

from typing import Any

import pytest
import torch

from rather.data.judged import Judged
from rather.feedback.items import item_of
from rather.models.heads import ScalarHead
from rather.models.roles import RewardModel
from rather.records import Question
from rather.stages import tuning
from rather.stages.examples import fitting, judged_rows, load_comparisons
from rather.stages.reporting import gather_report
from rather.stages.rounds import efficiency
from rather.stages.rounds.efficiency import label_efficiency
from rather.stages.runs import open_library
from rather.store import judgments, questions
from rather.workspace import Workspace


@pytest.fixture
def untrained(judged_ws: Workspace) -> RewardModel:
    policy = open_library(judged_ws).policy("base")
    head = ScalarHead.zero(policy.backbone.hidden_size)
    return RewardModel(policy.backbone, None, head, "mean", 1)


def ask(ws: Workspace, num_random: int) -> None:
    """Ann's pairs were chosen questions, the first ones by chance."""
    said = judgments.live(ws.db, "pair")
    questions.add(
        ws.db,
        [
            Question(item_of(one), "pair", one.prompt_id, place < num_random, "2026")
            for place, one in enumerate(said)
        ],
    )


def compare(ws: Workspace, model: RewardModel) -> dict[str, float]:
    codec = open_library(ws).codec("base")
    found, left_out = load_comparisons(ws, "train")
    held_out, _ = load_comparisons(ws, "heldout")
    tests: list[Judged] = judged_rows(fitting(held_out, codec, left_out), codec)
    return label_efficiency(ws, model, codec, found, tests)


def test_arms_of_equal_size_on_one_test(
    judged_ws: Workspace, untrained: RewardModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(efficiency, "FEWEST", 3)
    seen: list[Any] = []
    real = efficiency.fitted_weight

    def fitted(rows: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        seen.append(rows)
        return real(rows, states)

    monkeypatch.setattr(efficiency, "fitted_weight", fitted)
    ask(judged_ws, 3)  # of the eight training pairs three by chance, five chosen
    found = compare(judged_ws, untrained)
    assert found["arms/num_pairs"] == 3.0
    assert found["arms/chosen"] == found["arms/chance"] == 1.0  # polite answers have `the` in them
    # ten draws of three from the larger arm, and all three of the smaller one
    assert [len(rows) for rows in seen] == [3] * 11


def test_too_few_say_nothing(judged_ws: Workspace, untrained: RewardModel) -> None:
    assert compare(judged_ws, untrained) == {}  # nothing was chosen
    ask(judged_ws, 3)
    assert compare(judged_ws, untrained) == {}  # three pairs are fewer than twenty


def test_a_version_and_the_report_say_it(
    judged_ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(efficiency, "FEWEST", 3)
    ask(judged_ws, 4)
    metrics = tuning.reward(judged_ws, dry_run=False, fresh=False)["metrics"]
    assert (metrics["arms/num_pairs"], metrics["arms/chosen"]) == (4.0, 1.0)
    (one,) = gather_report(judged_ws).reward_models
    assert one.note == (
        "Of 4 judged pairs each, a head fitted to the chosen questions orders 100% of the held-out "
        "pairs, one fitted to those by chance 100%."
    )
