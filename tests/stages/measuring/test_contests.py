"""A contest from the command to the app and back: asked blind, asked first, counted as stored."""

from collections.abc import Callable

import pytest

from rather.config.labelling import Labelling, Overlap
from rather.errors import UsageError
from rather.evaluation.statistics import wilson
from rather.feedback.answer import Answer
from rather.feedback.assignment import all_items
from rather.feedback.events import Circumstances, new_judgment
from rather.feedback.kinds import answer_of
from rather.feedback.pair import Pair
from rather.records import Labeller
from rather.stages import sampling, tuning
from rather.stages.labelling import simulate
from rather.stages.measuring.contests import (
    all_contests,
    heard,
    opponents,
    put_before_people,
    sentence,
    standing_of,
)
from rather.store import completions, judgments, labellers, prompts
from rather.web.labelling.claims import Wish, ask
from rather.web.worklist import Worklist
from rather.workspace import Workspace

BOB = Labeller("bob", "Bob", is_simulated=False)


@pytest.fixture
def tuned_ws(new_judged_ws: Callable[..., Workspace]) -> Workspace:
    """With an SFT version that is far from the base model, and Bob."""
    ws = new_judged_ws(sft={"learning_rate": 0.02, "num_epochs": 5, "batch_size": 4}, seed=2)
    tuning.sft(ws, dry_run=False, fresh=False)
    labellers.add(ws.db, [BOB])
    return ws


def say(ws: Workspace, answer: Answer, prompt_id: str, who: Labeller = BOB) -> None:
    judgments.record(ws.db, new_judgment(prompt_id, who, answer))


def test_who_stands_against_whom(tuned_ws: Workspace) -> None:
    assert opponents(tuned_ws, ["newest"]) == ("sft-1", "base")
    assert opponents(tuned_ws, ["base", "sft-1"]) == ("base", "sft-1")
    for names in (["base"], ["a", "b", "c"], ["sft-1", "newest", "newest", "a", "b"]):
        with pytest.raises(UsageError, match="name two, or one to stand against the baseline"):
            opponents(tuned_ws, names)


def test_pairs_are_put_before_people_once(tuned_ws: Workspace) -> None:
    before = all_items(prompts.all(tuned_ws.db), completions.all(tuned_ws.db), Labelling())
    result = put_before_people(tuned_ws, ("sft-1", "base"))
    assert (result["num_pairs"], result["num_judged"], result["num_identical"]) == (3, 0, 0)
    assert sentence(result).startswith(
        "Nobody has judged a pair yet (0 of 3 judged by people, 0 the same on both sides). Go on: "
        "nothing is shown yet; 3 pairs are open. `rather label` asks them first;"
    )
    assert put_before_people(tuned_ws, ("sft-1", "base")) == result
    stored = {one.id: one for one in completions.all(tuned_ws.db)}
    items = all_items(prompts.all(tuned_ws.db), stored.values(), Labelling())
    new = [item for item in items if item.is_awaited]
    assert [item for item in items if not item.is_awaited] == before
    assert len(new) == 3
    for item in new:
        assert {stored[id].model for id in item.completion_ids} == {"sft-1", "base"}
    # what stands in a contest is no sample of the sampling stage
    assert [n for *_, n in sampling.plan(tuned_ws, tuned_ws.config.sample)] == [3] * 11


def test_the_app_asks_them_first_and_balances_the_sides(tuned_ws: Workspace) -> None:
    put_before_people(tuned_ws, ("sft-1", "base"))
    section = Labelling(overlap=Overlap(judges=2, shared_fraction=0))
    worklist = Worklist(tuned_ws.db, tuned_ws.secret, section)
    worklist.look(at_once=True)
    shown = ask(worklist, Wish("bob", count=4, most=4))
    stored = {one.id: one for one in completions.all(tuned_ws.db)}
    contests = [all(stored[id].contest for id in one.completion_ids) for one in shown]
    assert contests == [True, True, True, False]
    lefts = [stored[one.completion_ids[0]].model for one in shown[:2]]
    assert sorted(lefts) == ["base", "sft-1"]  # of two in a row, one is swapped


def test_the_win_rate_is_that_of_the_stored_judgments(tuned_ws: Workspace) -> None:
    put_before_people(tuned_ws, ("sft-1", "base"))
    (contest,) = all_contests(tuned_ws)
    assert (contest.first, contest.second) == ("sft-1", "base")
    (a, b), (c, d), (e, f) = contest.pairs
    say(tuned_ws, Pair(a.id, b.id, "A"), a.prompt_id)  # sft-1, on the left
    say(tuned_ws, Pair(d.id, c.id, "B"), c.prompt_id)  # sft-1, on the right
    say(tuned_ws, Pair(e.id, f.id, "tie"), e.prompt_id)
    result = put_before_people(tuned_ws, ("sft-1", "base"))
    # two won and one tie, over again from what the store holds
    stored = [answer_of(one) for one in judgments.live(tuned_ws.db, labeller_id="bob")]
    won = [
        0.5 if answer.choice == "tie" else float(chosen(answer) in {a.id, c.id, e.id})
        for answer in stored
        if isinstance(answer, Pair)
    ]
    assert result["win_rate"] == wilson(sum(won), 3)._asdict()
    assert result["win_rate"]["value"] == pytest.approx(2.5 / 3)
    assert (result["num_judgments"], result["num_ties"], result["num_labellers"]) == (3, 1, 1)
    assert result["left_share"] == wilson(1, 2)._asdict()
    assert result["suggestion"].startswith("Not shown, and no pair is open")
    assert "sft-1 beats base in 83%" in sentence(result)


def chosen(answer: Pair) -> str:
    return answer.left_completion_id if answer.choice == "A" else answer.right_completion_id


def test_only_people_count_and_an_admin_settles(tuned_ws: Workspace) -> None:
    put_before_people(tuned_ws, ("sft-1", "base"))
    simulate(tuned_ws, "concision", dry_run=False)
    (contest,) = all_contests(tuned_ws)
    assert standing_of(tuned_ws, contest, heard(tuned_ws))["num_judged"] == 0
    ours, theirs = contest.pairs[0]
    say(tuned_ws, Pair(ours.id, theirs.id, "A"), ours.prompt_id)
    settled = new_judgment(
        ours.prompt_id, BOB, Pair(ours.id, theirs.id, "B"), Circumstances(source="resolution")
    )
    judgments.settle(tuned_ws.db, settled)
    found = standing_of(tuned_ws, contest, heard(tuned_ws))
    assert (found["num_judged"], found["win_rate"]["value"]) == (1, 0.0)


@pytest.mark.parametrize("kind", ["ranking", "demonstration", "correction", "thumb"])
def test_a_project_that_asks_something_else_asks_these_pairs_too(
    tuned_ws: Workspace, kind: str
) -> None:
    # Ann has shown what she would write, and somebody else may be asked, too
    ws = tuned_ws.configured({"label": {"kind": kind, "overlap": {"judges": 2}}})
    result = put_before_people(ws, ("sft-1", "base"))
    assert result["where"].startswith("`rather label` asks them first")
    worklist = Worklist(ws.db, ws.secret, ws.config.label)
    worklist.look(at_once=True)
    shown = ask(worklist, Wish("bob", count=4, most=4))
    assert [one.kind for one in shown] == ["pair", "pair", "pair", kind]
    # what was handed out stays theirs when the page is loaded again
    again = ask(worklist, Wish("bob", count=4, most=4))
    assert [one.item for one in again] == [one.item for one in shown]
    pair = shown[0]
    say(ws, Pair(*pair.completion_ids, "tie"), pair.prompt_id)
    assert put_before_people(ws, ("sft-1", "base"))["num_judged"] == 1
