"""The loop's bookkeeping: nothing done twice, one policy in force, waiting, stops, damage."""

from collections.abc import Callable
from typing import Any

import pytest

from rather.errors import DataError, GateClosed, StoppedByRule
from rather.feedback.events import new_judgment
from rather.feedback.thumb import Thumb
from rather.records import Labeller
from rather.store import judgments, labellers, prompts, rounds
from rather.workspace import Workspace

ANN = Labeller("ann", "Ann", is_simulated=False)
STAGES = ["sample", "choose", "label", "reward", "ppo", "evaluate", "report"]
SIMULATED = {"label": {"simulate": "rules"}}
NewLoop = Callable[..., Any]
WORSE = {"value": 0.2, "low": 0.1, "high": 0.3, "n": 40}


def judge(ws: Workspace, number: int) -> None:
    labellers.add(ws.db, [ANN])
    asked = prompts.all(ws.db)[0]
    given = [new_judgment(asked.id, ANN, Thumb(f"c{n}", True)) for n in range(number)]
    judgments.record_many(ws.db, given)


def test_rounds_follow_each_other(new_loop: NewLoop) -> None:
    loop = new_loop(**SIMULATED)
    done = loop.run(rounds=2)
    assert loop.did() == STAGES * 2
    assert [(one["round"], one["stage"]) for one in done["rounds"]][7:] == [
        (2, stage) for stage in STAGES
    ]
    first, second = loop.calls[:7], loop.calls[7:]
    assert {told["start"] for _, told in first} == {"base"}
    assert {(told["models"], told["start"]) for _, told in second} == {(("ppo-1", "base"), "ppo-1")}
    assert second[4][1]["reward"] == "reward-2"
    assert [told["versions"] for name, told in loop.calls if name == "evaluate"] == [
        ("ppo-1",), ("ppo-2",),
    ]  # fmt: skip
    assert rounds.policy_in_force(loop.ws.db) == done["policy"] == "ppo-2"
    assert done["summary"] == (
        "2 round(s) done. ppo-2 beats ppo-1 in 80% [70%, 90%] by the gold score."
    )


def test_the_same_command_again_has_nothing_to_do(new_loop: NewLoop) -> None:
    loop = new_loop(**SIMULATED)
    loop.run(rounds=1)
    again = loop.run(rounds=1)
    assert again["summary"] == (
        "1 round(s) are done already; `rather run --rounds 2` does the next."
    )
    assert loop.did() == STAGES
    loop.run(rounds=2)
    assert loop.did() == STAGES * 2


def test_each_round_keeps_its_page(new_loop: NewLoop) -> None:
    loop = new_loop(**SIMULATED)
    loop.run(rounds=1)
    pages = loop.ws.root / "rounds"
    first = (pages / "001" / "report.html").read_bytes()
    judge(loop.ws, 1)
    loop.run(rounds=2)
    assert sorted(path.name for path in pages.iterdir()) == ["001", "002"]
    assert (pages / "001" / "report.html").read_bytes() == first
    assert b"Ann" in (pages / "002" / "report.json").read_bytes()


def test_a_worse_policy_is_rolled_back(new_loop: NewLoop) -> None:
    loop = new_loop(**SIMULATED)
    loop.run(rounds=1)
    loop.rate = WORSE
    loop.run(rounds=2)
    turn = rounds.all(loop.ws.db)[1]
    assert (turn.status, turn.policy) == ("rolled_back", "ppo-1")
    loop.run(rounds=3)
    assert loop.calls[-1][1]["start"] == "ppo-1"  # and not the newest, which is ppo-2


@pytest.mark.parametrize("stage", STAGES)
def test_a_broken_stage_is_done_again_and_no_other(new_loop: NewLoop, stage: str) -> None:
    loop = new_loop(**SIMULATED)
    loop.raises = {stage: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        loop.run(rounds=1)
    assert rounds.policy_in_force(loop.ws.db) is None
    assert loop.did() == STAGES[: STAGES.index(stage)]
    loop.run(rounds=1)
    assert loop.did() == STAGES
    assert rounds.policy_in_force(loop.ws.db) == "ppo-1"


def test_it_waits_for_people_each_round(new_loop: NewLoop) -> None:
    loop = new_loop()
    waits = loop.run(rounds=2, min_judgments=3)
    assert waits["waits_for"] == "judgments"
    assert waits["summary"].startswith("Waiting for people: 0 of 3 judgments are there.")
    assert loop.did() == ["sample", "choose"]
    judge(loop.ws, 2)
    assert loop.run(rounds=2, min_judgments=3)["summary"].startswith("Waiting for people: 2 of 3")
    judge(loop.ws, 1)
    waits = loop.run(rounds=2, min_judgments=3)
    # the first round went on to its end, and the second one needs three of its own
    assert waits["summary"].startswith("Waiting for people: 0 of 3")
    assert loop.did() == [
        "sample",
        "choose",
        "reward",
        "ppo",
        "evaluate",
        "report",
        "sample",
        "choose",
    ]
    assert [told["until"] for name, told in loop.calls if name == "reward"] == [3]
    judge(loop.ws, 4)
    done = loop.run(rounds=2, min_judgments=3)
    assert done["policy"] == "ppo-2"
    assert [told["until"] for name, told in loop.calls if name == "reward"] == [3, 7]


def test_a_closed_gate_waits_for_more_judgments(new_loop: NewLoop) -> None:
    loop = new_loop()
    judge(loop.ws, 3)
    loop.raises = {"ppo": GateClosed("too weak.")}
    with pytest.raises(GateClosed):
        loop.run(rounds=1, min_judgments=3)
    turn = rounds.running(loop.ws.db)
    assert turn is not None
    assert (list(turn.done), turn.judgments_until) == (["sample"], None)
    judge(loop.ws, 2)
    loop.run(rounds=1, min_judgments=3)
    assert [told["until"] for name, told in loop.calls if name == "reward"] == [3, 5]


def test_a_closed_gate_chooses_new_questions_too(new_loop: NewLoop) -> None:
    loop = new_loop(**SIMULATED)
    stages = ["sample", "choose", "label", "reward", "ppo"]
    loop.raises = {"ppo": GateClosed("too weak.")}
    with pytest.raises(GateClosed):
        loop.run(rounds=1, stages=stages)
    loop.run(rounds=1, stages=stages)
    assert loop.did() == [*stages[:4], *stages[1:]]


def test_a_stopped_run_leaves_its_last_good_policy(new_loop: NewLoop) -> None:
    loop = new_loop(**SIMULATED)
    stopped = StoppedByRule("Stopped: too far. ppo-7 is the last good policy, of step 2.")
    stopped.version = loop._register("ppo")
    loop.raises = {"ppo": stopped}
    loop.run(rounds=1)
    (turn,) = rounds.all(loop.ws.db)
    assert (turn.status, turn.policy) == ("promoted", "ppo-1")
    assert turn.why.endswith("Stopped: too far. ppo-7 is the last good policy, of step 2.")


def test_a_run_that_leaves_nothing_changes_nothing(new_loop: NewLoop) -> None:
    loop = new_loop(**SIMULATED)
    loop.raises = {"ppo": StoppedByRule("Stopped at once.")}
    loop.run(rounds=1)
    (turn,) = rounds.all(loop.ws.db)
    assert (turn.status, turn.policy) == ("unchanged", "base")
    assert "evaluate" not in loop.did()  # there is nothing to compare
    assert turn.done["evaluate"]["summary"] == "nothing was tuned that could be compared."


def test_what_is_damaged_is_not_promoted(
    new_loop: NewLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = new_loop(**SIMULATED)
    loop.raises = {"report": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        loop.run(rounds=1)
    (loop.ws.models_dir / "ppo-1" / "weights").write_text("flipped")
    with pytest.raises(DataError, match="ppo-1 is damaged and cannot be promoted"):
        loop.run(rounds=1)
    assert rounds.policy_in_force(loop.ws.db) is None


def test_without_tuning_the_policy_stays(new_loop: NewLoop) -> None:
    loop = new_loop(**SIMULATED)
    loop.run(rounds=2, stages=["sample", "label", "reward"])
    assert [(one.status, one.policy) for one in rounds.all(loop.ws.db)] == [
        ("unchanged", "base"), ("unchanged", "base"),
    ]  # fmt: skip
