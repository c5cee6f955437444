"""What people take back: a dry run first, then none of it counts, and models are named."""

import pytest

from rather.errors import UsageError
from rather.records import Completion, Judgment, Labeller, Prompt
from rather.stages.history.withdrawing import ask_again, forget, withdraw
from rather.stages.labelling import asked_items
from rather.stages.sampling import plan
from rather.store import completions, judgments, labellers, prompts
from rather.store.use import reactions
from rather.workspace import Workspace
from tests.store.use.test_reactions import said as said_in_use


def counts(ws: Workspace) -> dict[str, int]:
    return {kind: one["people"] for kind, one in judgments.count(ws.db).items() if one["people"]}


def test_without_yes_nothing_changes(family: Workspace, pairs: list[Judgment]) -> None:
    found = withdraw(family, None, pairs[5].prompt_id, does_it=False)
    assert found["summary"] == (
        "2 judgments would be withdrawn; 2 versions learnt from them. The prompt would not be "
        f"asked any more; `rather withdraw --prompt {pairs[5].prompt_id} --ask-again` lets it be "
        "asked again. Nothing was changed; give --yes to do it."
    )
    assert counts(family) == {"pair": 11, "demonstration": 11}
    # the sixth pair is in reward-2 only, and ppo-2 grew from that
    assert found["touched"] == [
        {"version": "reward-2", "judgments": 1, "of": 8, "through": []},
        {"version": "ppo-2", "judgments": 0, "of": 0, "through": ["reward-2"]},
    ]
    assert found["rebuild"] == [
        "rather reward --seed 7",
        "rather ppo --ppo.start ppo-1 --ppo.reward '0.5*reward-3' --ppo.num-steps 9",
    ]


def test_a_prompts_judgments_are_withdrawn_once(family: Workspace, pairs: list[Judgment]) -> None:
    dry = withdraw(family, None, pairs[0].prompt_id, does_it=False)
    found = withdraw(family, None, pairs[0].prompt_id, does_it=True)
    assert found["judgments"] == {"pair": 1, "demonstration": 1}
    assert counts(family) == {"pair": 10, "demonstration": 10}
    assert [one["version"] for one in found["touched"]] == [
        "reward-1",
        "reward-2",
        "ppo-1",
        "ppo-2",
    ]
    assert (
        found["rebuild"]
        == dry["rebuild"]
        == [
            "rather reward",
            "rather reward --seed 7",
            "rather ppo --ppo.reward reward-3",
            "rather ppo --ppo.start ppo-3 --ppo.reward '0.5*reward-4' --ppo.num-steps 9",
        ]
    )
    again = withdraw(family, None, pairs[0].prompt_id, does_it=True)
    assert (again["judgments"], again["touched"]) == ({}, found["touched"])
    assert counts(family) == {"pair": 10, "demonstration": 10}


def test_a_withdrawn_prompt_is_not_asked_until_it_is_asked_again(
    family: Workspace, pairs: list[Judgment]
) -> None:
    id, num_asked = pairs[0].prompt_id, sum(prompts.count(family.db).values())
    planned = sum(number for *_, number in plan(family, family.config.sample))
    assert not ask_again(family, id, does_it=True)["summary"].endswith("asked again.")
    withdraw(family, None, id, does_it=True)
    assert sum(prompts.count(family.db).values()) == num_asked - 1
    assert sum(number for *_, number in plan(family, family.config.sample)) < planned
    assert not [i for i in asked_items(family, *everything(family)) if i.prompt_id == id]
    again = ask_again(family, id, does_it=False)
    assert again["summary"].startswith(f"The prompt {id} would be asked again.")
    assert sum(prompts.count(family.db).values()) == num_asked - 1
    ask_again(family, id, does_it=True)
    assert sum(prompts.count(family.db).values()) == num_asked
    assert [i for i in asked_items(family, *everything(family)) if i.prompt_id == id]
    assert counts(family) == {"pair": 10, "demonstration": 10}  # they stay withdrawn


def everything(ws: Workspace) -> tuple[list[Prompt], list[Completion]]:
    return prompts.all(ws.db), completions.all(ws.db)


def test_what_a_labeller_said_of_a_prompt_leaves_it_asked(
    family: Workspace, pairs: list[Judgment]
) -> None:
    before = prompts.all(family.db)
    withdraw(family, "Ann", pairs[0].prompt_id, does_it=True)
    assert prompts.all(family.db) == before


def test_a_labeller_by_name_or_id(family: Workspace, pairs: list[Judgment]) -> None:
    only = withdraw(family, "ann", pairs[0].prompt_id, does_it=True)
    assert sum(only["judgments"].values()) == 2
    rest = withdraw(family, "ANN", None, does_it=True)
    assert rest["judgments"] == {"pair": 10, "demonstration": 10}
    assert counts(family) == {}


def test_what_users_said_of_withdrawn_judgments_is_gone_too(
    family: Workspace, pairs: list[Judgment]
) -> None:
    mine = said_in_use("r1", client="ann", judgment_id=pairs[0].id, has_consent=True)
    counted = said_in_use("r2", client="ann", idempotency_key="ann:r2")
    for one in (mine, counted):
        reactions.record(family.db, one, None)
    withdraw(family, None, pairs[0].prompt_id, does_it=False)
    assert len(reactions.all(family.db)) == 2
    withdraw(family, None, pairs[0].prompt_id, does_it=True)
    assert reactions.all(family.db) == [counted]
    withdraw(family, "ann", None, does_it=True)
    assert reactions.all(family.db) == []


def test_who_is_meant_must_be_clear(family: Workspace) -> None:
    labellers.add(family.db, [Labeller("u_1", "Bob", False), Labeller("u_2", "bob", False)])
    with pytest.raises(UsageError, match=r"2 labellers are called Bob: give the id \(u_1, u_2\)"):
        withdraw(family, "Bob", None, does_it=False)
    with pytest.raises(UsageError, match="There is no labeller Eve; this workspace has Ann, Bob,"):
        withdraw(family, "Eve", None, does_it=False)
    with pytest.raises(UsageError, match="There is no prompt p_9; `rather export --as jsonl`"):
        withdraw(family, None, "p_9", does_it=False)
    with pytest.raises(UsageError, match="Say whose judgments: --labeller NAME, --prompt ID"):
        withdraw(family, None, None, does_it=False)


def test_who_is_forgotten_still_counts(family: Workspace) -> None:
    before = [(one.id, one.answer, one.created_at) for one in judgments.live(family.db)]
    said = forget(family, "Ann", does_it=False)
    assert said["summary"].startswith("would delete name, id, comments, drafts, sessions, links")
    assert labellers.get(family.db, "ann") is not None
    done = forget(family, "Ann", does_it=True)
    assert labellers.get(family.db, "ann") is None
    live = judgments.live(family.db)
    assert [(one.id, one.answer, one.created_at) for one in live] == before
    assert {one.labeller_id for one in live} == {done["id"]}
    assert done["num_judgments"] == 22
    withdrawn = withdraw(family, done["id"], None, does_it=True)  # still possible
    assert withdrawn["judgments"] == {"pair": 11, "demonstration": 11}


def test_a_simulator_is_nobody(family: Workspace) -> None:
    labellers.add(family.db, [Labeller("sim:x", "x (simulated)", is_simulated=True)])
    with pytest.raises(UsageError, match="a simulator, which has no personal data"):
        forget(family, "sim:x", does_it=True)
