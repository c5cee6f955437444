"""A version's tree: who said what it learnt from, by which guidelines, and what came before."""

from dataclasses import replace

import pytest

from rather.errors import UsageError
from rather.feedback.events import Circumstances, guidelines_hash, new_judgment
from rather.feedback.pair import Pair
from rather.models.source import LEARNT_FILE
from rather.records import Judgment, Labeller, Learnt
from rather.stages.history.lineage import learnt_by, lineage
from rather.store import guidelines, judgments, labellers, versions
from rather.workspace import Workspace


def test_a_tree_names_everything(family: Workspace) -> None:
    found = lineage(family, "ppo-2")
    assert found["summary"] == "ppo-2 has 3 versions before it."
    tree = found["version"]
    assert (tree["name"], tree["seed"], tree["start"], tree["prompts"]) == ("ppo-2", 0, "ppo-1", 8)
    assert tree["changed_settings"]["num_steps"] == 9
    assert tree["changed_settings"]["batch_size"] == 3  # of this workspace; 16 is the default
    assert "kl_coefficient" not in tree["changed_settings"]
    codec_hashes = {len(tree[key]) for key in ("tokenizer_hash", "template_hash")}
    assert codec_hashes == {16}
    assert [parent["name"] for parent in tree["parents"]] == ["ppo-1", "reward-2"]
    (first,), second = tree["parents"][0]["parents"], tree["parents"][1]
    assert (first["name"], first["judgments"]["count"]) == ("reward-1", 4)
    assert (second["judgments"]["count"], second["prompts"], second["seed"]) == (8, 8, 7)
    assert second["judgments"]["by"] == [
        {
            "labeller": "ann", "name": "Ann", "is_simulated": False, "guidelines": "",
            "kind": "pair", "count": 8, "withdrawn": 0,
        }
    ]  # fmt: skip


def test_judgments_are_told_by_labeller_and_guidelines(
    judged_ws: Workspace, pairs: list[Judgment], new_version: object
) -> None:
    ws, said = judged_ws, "Prefer the polite one."
    hash = guidelines_hash(said)
    guidelines.keep(ws.db, hash, said, "2026-01-01")
    bob = Labeller("u_b", "Bob", is_simulated=False)
    robot = Labeller("sim:x", "x (simulated)", is_simulated=True)
    labellers.add(ws.db, [bob, robot])
    given = []
    for who in (bob, robot):
        answer = Pair(
            pairs[0].answer["left_completion_id"], pairs[0].answer["right_completion_id"], "B"
        )
        about = Circumstances(guidelines_hash=hash)
        given.append(new_judgment(pairs[0].prompt_id, who, answer, about))
    judgments.record_many(ws.db, given)
    learnt = Learnt((pairs[0].id, given[0].id, given[1].id, "gone"), (pairs[0].prompt_id,))
    assert callable(new_version)
    new_version(ws, "reward", learnt)
    judgments.retract(ws.db, labeller_id="u_b")
    found = lineage(ws, "reward-1")
    told = found["version"]["judgments"]
    assert (told["count"], told["withdrawn"]) == (4, 2)  # what is not there does not count
    groups = [
        (one["name"], one["guidelines"], one["count"], one["withdrawn"]) for one in told["by"]
    ]
    assert groups == [
        ("Ann", "", 1, 0),
        ("Bob", hash, 1, 1),
        ("x (simulated)", hash, 1, 0),
        ("unknown", "", 1, 1),
    ]
    assert found["guidelines"] == {hash: said}
    assert f"  Bob (u_b): 1 pair, guidelines {hash[:8]} (1 withdrawn since)" in found["text"]
    assert found["text"].endswith(f"guidelines:\n  {hash[:8]}  Prefer the polite one.")


def test_an_older_version_says_that_it_does_not_know(
    judged_ws: Workspace, new_version: object
) -> None:
    assert callable(new_version)
    made = new_version(judged_ws, "sft", Learnt())
    assert learnt_by(judged_ws, made) == Learnt()
    (judged_ws.root / made.path / LEARNT_FILE).unlink()
    assert learnt_by(judged_ws, made) is None
    found = lineage(judged_ws, "sft-1")
    assert (found["version"]["judgments"], found["version"]["prompts"]) == (None, None)
    assert "what it learnt from was not kept" in found["text"]
    versions.register(judged_ws.db, replace(made, name="sft-9", provenance={}))
    assert "weights not kept, tokenizer not kept" in lineage(judged_ws, "sft-9")["text"]


def test_an_unknown_version_is_named(family: Workspace) -> None:
    with pytest.raises(UsageError, match=r"no version ppo-9; this workspace has reward-1, rew"):
        lineage(family, "ppo-9")
