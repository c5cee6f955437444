"""The report: from a workspace that has everything, and from one that has nothing."""

from collections.abc import Callable

import pytest

from rather.records import Judgment, Labeller
from rather.report.model import to_json
from rather.report.page import save
from rather.stages import reinforcing, tuning
from rather.stages.evaluating import evaluate_all
from rather.stages.labelling import simulate
from rather.stages.reporting import collected, gather_report
from rather.store import judgments
from rather.workspace import Workspace

pytestmark = pytest.mark.slow  # they train, again and again


def forced_ppo(ws: Workspace, dry_run: bool, fresh: bool) -> None:
    """Eleven judgments make no reward model that PPO would accept."""
    reinforcing.ppo(ws, dry_run=dry_run, fresh=fresh, force=True)


@pytest.fixture
def full_ws(new_judged_ws: Callable[..., Workspace]) -> Workspace:
    """Judged by Ann and by a simulator, with a version of every stage, and evaluated."""
    ws = new_judged_ws().configured({"evaluate": {"judge": "plain_reader"}})
    simulate(ws, "concision", dry_run=False)
    for stage in (tuning.sft, tuning.reward, tuning.dpo, forced_ppo):
        stage(ws, dry_run=False, fresh=False)
    evaluate_all(ws, ["sft-1", "dpo-1", "ppo-1"])
    return ws


def test_an_empty_workspace_has_a_report(ws: Workspace) -> None:
    found = gather_report(ws)
    assert (found.title, found.num_heldout_prompts) == ("mine", 0)
    for part in ("policies", "collected", "reward_models", "curves", "samples", "lineage"):
        assert getattr(found, part) == (), part
    assert found.cautions == ()
    assert found.config["model"] == ws.config.model
    assert save(found, ws.root).exists()


def test_a_full_workspace_shows_everything(full_ws: Workspace) -> None:
    found = gather_report(full_ws)
    names = ["base", "sft-1", "dpo-1", "ppo-1"]
    assert [policy.name for policy in found.policies] == names
    assert [policy.stage for policy in found.policies] == ["base", "sft", "dpo", "ppo"]
    base, ppo = found.policies[0], found.policies[3]
    assert (base.is_baseline, base.kl, base.gold_win_rate) == (True, None, None)
    assert not ppo.is_baseline
    for rate in (ppo.gold_win_rate, ppo.reward_win_rate, ppo.judge_win_rate):
        assert rate is not None
        assert rate.n == 3
    assert len(ppo.scores) == len(ppo.golds) == len(ppo.lengths) == 3
    assert found.num_heldout_prompts == 3
    assert found.gold.startswith("Answers the question in one or two")
    assert found.judge.startswith("A plain reader")
    (reward,) = found.reward_models
    # Ann's three; to the simulator the two answers are equally concise, and ties are not counted
    assert (reward.name, reward.accuracy.n) == ("reward-1", 3)
    assert reward.num_training_comparisons == 16  # eight by Ann, eight simulated ties
    assert list(reward.baselines) == ["longer wins", "shorter wins"]
    # every version made of more than one recorded step has its curves
    assert [curve.title for curve in found.curves] == ["sft-1", "reward-1", "dpo-1", "ppo-1"]
    assert found.curves[3].panels[0].title == "Score"
    assert [entry.name for entry in found.lineage] == ["sft-1", "reward-1", "dpo-1", "ppo-1"]
    assert found.lineage[3].parents == ("reward-1",)
    assert len(found.samples) == 3
    assert [answer.policy for answer in found.samples[0].answers] == names
    assert found.samples[0].prompt == "Question 8?"


def test_what_was_collected_and_what_to_beware_of(full_ws: Workspace) -> None:
    found = gather_report(full_ws)
    ann, simulator = found.collected
    assert (ann.labeller, ann.is_simulated) == ("Ann", False)
    assert ann.counts == {"pair": 11, "demonstration": 11}
    assert (simulator.is_simulated, simulator.counts) == (True, {"pair": 11})
    assert (ann.num_ties, simulator.num_ties) == (0, 11)
    assert "gold concision" in simulator.detail
    assert found.cautions == (
        "11 of 33 judgments were simulated.",
        "Few held-out prompts: the intervals are wide.",
    )


def test_only_simulated_judgments_are_cautioned_against(
    new_judged_ws: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = new_judged_ws()
    simulate(ws, "concision", dry_run=False)

    simulated = [one for one in judgments.live(ws.db) if one.is_simulated]
    monkeypatch.setattr(judgments, "live", lambda *_: simulated)
    assert gather_report(ws).cautions == (
        "All judgments were simulated; nothing here says what people prefer.",
    )


def test_the_page_and_the_numbers_can_be_written(full_ws: Workspace) -> None:
    found = gather_report(full_ws)
    page = save(found, full_ws.root).read_text("utf-8")
    assert "Question 8?" in page
    assert "NaN" not in to_json(found)


def test_ties_are_counted() -> None:
    def judgment(id: str, answer: dict[str, object]) -> Judgment:
        kind = "ranking" if "ranks" in answer else "pair"
        return Judgment(id, kind, "p", "ann", answer, "2026", id, False)  # type: ignore[arg-type]

    given = [
        judgment("1", {"choice": "tie"}),
        judgment("2", {"choice": "A"}),
        judgment("3", {"ranks": [1, 2, 2]}),
        judgment("4", {"ranks": [1, 2, 3]}),
    ]
    (found,) = collected(given, {"ann": Labeller("ann", "Ann", False)})
    assert (found.num_ties, found.counts) == (2, {"pair": 2, "ranking": 2})
