"""The report: from a workspace that has everything, and from one that has nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rather.report.page import save
from rather.stages import reinforcing, tuning
from rather.stages.labelling import simulate
from rather.stages.measuring.verb import evaluate
from rather.stages.reporting import gather_report, report
from rather.store import judgments
from rather.workspace import Workspace


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
    evaluate(ws, ["sft-1", "dpo-1", "ppo-1"], dry_run=False, human=False)
    return ws


def test_an_empty_workspace_has_a_report(ws: Workspace) -> None:
    found = gather_report(ws)
    assert (found.title, found.num_heldout_prompts) == ("mine", 0)
    for part in ("policies", "collected", "reward_models", "curves", "samples", "lineage"):
        assert getattr(found, part) == (), part
    assert found.cautions == ()
    assert found.config["model"] == ws.config.model
    assert save(found, ws.root).exists()


def test_an_evaluation_of_an_older_release_is_said_and_not_shown(full_ws: Workspace) -> None:
    (written,) = full_ws.runs_dir.glob("evaluate-*/evaluation.json")
    result = json.loads(written.read_text("utf-8"))
    for one in result["models"].values():
        del one["baseline_kl"]
    written.write_text(json.dumps(result), "utf-8")
    found = gather_report(full_ws)
    assert found.policies == ()
    assert found.cautions[-1] == (
        "The newest evaluation is of an older release; run `rather evaluate` again."
    )


def test_a_full_workspace_shows_everything(full_ws: Workspace) -> None:
    found = gather_report(full_ws)
    names = ["base", "sft-1", "dpo-1", "ppo-1"]
    assert [policy.name for policy in found.policies] == names
    assert [policy.stage for policy in found.policies] == ["base", "sft", "dpo", "ppo"]
    base, ppo = found.policies[0], found.policies[3]
    assert (base.is_baseline, base.kl, base.win_rates) == (True, None, {})
    assert not ppo.is_baseline
    assert {judge: rate.n for judge, rate in ppo.win_rates.items()} == {
        "reward": 3, "gold": 3, "judge": 3,
    }  # fmt: skip
    assert ppo.length_controlled.keys() == ppo.win_rates.keys()
    assert {len(scores) for scores in ppo.scores.values()} == {len(ppo.lengths)} == {3}
    assert found.num_heldout_prompts == 3
    assert found.gold.startswith("Answers the question in one or two")
    assert found.judge.startswith("A plain reader")
    (reward,) = found.reward_models
    # Ann's three; to the simulator the two answers are equally concise, and ties are not counted
    assert (reward.name, reward.accuracy.n) == ("reward-1", 3)
    assert reward.num_training_comparisons == 16  # eight by Ann, eight simulated ties
    assert list(reward.baselines) == ["longer wins", "shorter wins"]
    # judged by one labeller only where it decides anything: nothing to break down by
    assert list(reward.breakdowns) == ["By length"]
    assert sum(one.n for one in reward.calibration) == 3
    assert set(found.frontiers) == {"gold", "judge", "reward"}
    assert {point.policy for point in found.frontiers["gold"]} == set(names)
    assert [table.judge for table in found.ratings] == ["reward", "gold", "judge"]
    # every version made of more than one recorded step has its curves
    assert [curve.title for curve in found.curves] == ["sft-1", "reward-1", "dpo-1", "ppo-1"]
    assert found.curves[3].panels[0].title == "Score"
    assert [entry.name for entry in found.lineage] == ["sft-1", "reward-1", "dpo-1", "ppo-1"]
    assert found.lineage[3].parents == ("reward-1",)
    assert len(found.samples) == 3
    assert [answer.policy for answer in found.samples[0].answers] == names
    assert {sample.prompt for sample in found.samples} == {f"Question {n}?" for n in (8, 9, 10)}
    assert all("drawn at random" in s.rule.lower() or "largest" in s.rule for s in found.samples)


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
    assert "NaN" not in (full_ws.root / "report.json").read_text("utf-8")
    before = [(full_ws.root / name).read_bytes() for name in ("report.html", "report.json")]
    evaluate(full_ws, ["sft-1", "dpo-1", "ppo-1"], dry_run=False, human=False)
    result = report(full_ws, dry_run=False)
    after = [(full_ws.root / name).read_bytes() for name in ("report.html", "report.json")]
    assert after == before  # evaluated again, the same bytes
    cards = {path.relative_to(full_ws.root).as_posix() for path in map(Path, result["cards"])}
    assert cards == {f"cards/{name}/README.md" for name in ("sft-1", "dpo-1", "ppo-1")}
    text = (full_ws.root / "cards" / "ppo-1" / "README.md").read_text("utf-8")
    assert f"base_model: {Path(full_ws.config.model).name}\n" in text
    assert str(full_ws.root) not in text
