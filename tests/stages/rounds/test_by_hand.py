"""Putting a policy in force by hand: any policy there is, between two rounds, and soundly."""

from collections.abc import Callable
from typing import Any

import pytest

from rather.errors import DataError, UsageError
from rather.stages.rounds.by_hand import promote_as_it_is
from rather.stages.rounds.turn import first_policy
from rather.store import rounds

NewLoop = Callable[..., Any]


def test_any_policy_can_be_put_in_force_between_rounds(new_loop: NewLoop) -> None:
    loop = new_loop(label={"simulate": "rules"})
    with pytest.raises(
        UsageError, match=r"No round has ended yet, .* `rather run --ppo\.start base`"
    ):
        promote_as_it_is(loop.ws, "base", dry_run=False)
    loop.run(rounds=2)
    assert first_policy(loop.ws) == "ppo-2"
    would = promote_as_it_is(loop.ws, "ppo-1", dry_run=True)
    assert (would["summary"], first_policy(loop.ws)) == ("ppo-1 would be in force.", "ppo-2")
    for name in ("ppo-1", "base"):
        done = promote_as_it_is(loop.ws, name, dry_run=False)
        assert done["summary"] == f"{name}, as it is. It is in force: round 3 begins from it."
        assert first_policy(loop.ws) == name
    loop.calls.clear()
    loop.run(rounds=3)
    assert {told["start"] for _, told in loop.calls} == {"base"}
    assert first_policy(loop.ws) == "ppo-3"  # what that round decided


def test_while_a_round_is_under_way_nothing_changes(new_loop: NewLoop) -> None:
    loop = new_loop(label={"simulate": "rules"})
    loop.run(rounds=1)
    rounds.begin(loop.ws.db, "ppo-1")
    said = promote_as_it_is(loop.ws, "base", dry_run=False)["summary"]
    assert "Round 2 goes on from ppo-1 and decides at its end; promote again after it." in said
    assert rounds.policy_in_force(loop.ws.db) == "ppo-1"


def test_what_is_no_policy_or_damaged(new_loop: NewLoop) -> None:
    loop = new_loop(label={"simulate": "rules"})
    loop.run(rounds=1)
    for name in ("reward-1", "ppo-9"):
        with pytest.raises(UsageError, match=f"no policy {name}; this workspace has base, ppo-1"):
            promote_as_it_is(loop.ws, name, dry_run=False)
    (loop.ws.models_dir / "ppo-1" / "weights").write_text("other")
    with pytest.raises(DataError, match="ppo-1 is damaged and cannot be promoted"):
        promote_as_it_is(loop.ws, "ppo-1", dry_run=False)
