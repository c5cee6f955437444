"""Labellers come back as they were declared."""

import re
from dataclasses import replace

import pytest

from rather.errors import DataError
from rather.feedback.demonstration import Demonstration
from rather.feedback.events import Circumstances, new_judgment
from rather.records import Labeller, Message, Prompt, Remark
from rather.store import judgments, labellers, logins, meta, prompts, remarks
from rather.store.database import Database
from rather.store.use import reactions, served
from tests.store.use.test_reactions import said as said_in_use
from tests.store.use.test_served import given

ANN = Labeller("l1", "Ann", False, "admin")
BOB = Labeller("l3", "Bob", False)
SIM = Labeller("l2", "vader (simulated)", True, settings={"gold": "vader", "seed": 0})


def test_labellers_come_back_as_they_were(db: Database) -> None:
    assert labellers.add(db, [ANN, SIM]) == 2
    assert labellers.add(db, [ANN]) == 0
    assert labellers.all(db) == [ANN, SIM]
    assert labellers.get(db, "l2") == SIM
    assert labellers.get(db, "l3") is None


def test_new_ids_are_fresh_and_fit_a_path() -> None:
    ids = {labellers.new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"u_[0-9a-f]{20}", id) for id in ids)


def test_a_person_changes(db: Database) -> None:
    labellers.add(db, [ANN, BOB])
    labellers.change(db, "l3", paused="see me")
    assert labellers.get(db, "l3") == replace(BOB, paused="see me")
    labellers.change(db, "l3", role="admin", paused="")
    assert labellers.get(db, "l3") == replace(BOB, role="admin")
    labellers.change(db, "l3")
    assert labellers.all(db) == [ANN, replace(BOB, role="admin")]


def test_one_admin_stays(db: Database) -> None:
    labellers.add(db, [ANN, BOB, replace(SIM, role="admin")])
    with pytest.raises(DataError, match="the last admin"):
        labellers.change(db, "l1", role="labeller", paused="gone")
    assert labellers.get(db, "l1") == ANN
    labellers.change(db, "l3", role="labeller")  # no admin before, none after
    labellers.change(db, "l3", role="admin")
    labellers.change(db, "l1", role="labeller")
    assert labellers.get(db, "l1") == replace(ANN, role="labeller")


def test_who_is_forgotten_leaves_only_what_they_judged(db: Database) -> None:
    question = (Message("user", "Why?"),)
    prompts.add(db, [Prompt("p1", question, "train")])
    gone, other = replace(BOB, id="u_5%", name="Bob B."), replace(BOB, id="u_5x")
    labellers.add(db, [ANN, gone, other])
    said = Circumstances(idempotency_key="u_5%:k1", comment="I, Bob, think so.")
    mine = new_judgment("p1", gone, Demonstration("So."), said)
    others = Circumstances(idempotency_key="u_5x:k1", comment="No.")
    theirs = new_judgment("p1", other, Demonstration("Not so."), others)
    judgments.record_many(db, [mine, theirs])
    flag = Remark("r1", "flag", "pair:x", gone.id, "other", "Bob says", "2026", "u_5%:r1")
    remarks.record(db, flag)
    logins.create_token(db, gone.id, 60)
    served.add(db, [given("s1", client=gone.id, text="What Bob asked."), given("s2")])
    reactions.record(db, said_in_use("r9", client=gone.id, idempotency_key="u_5%:k9"), None)
    meta.put(db, f"control items count after: {gone.id}", "2026")

    found = labellers.forget(db, gone.id)

    assert (found.num_judgments, found.num_comments, found.num_logins) == (1, 2, 1)
    assert (found.num_served, served.count(db)) == (1, {"ppo-1": 1})
    (reaction,) = reactions.all(db)
    assert (reaction.client, reaction.idempotency_key) == (found.id, f"{found.id}:k9")
    assert labellers.get(db, gone.id) is None
    left = labellers.get(db, found.id)
    assert left is not None
    assert (left.name, left.role) == ("somebody forgotten", "labeller")
    assert left.paused  # nobody is asked in their name
    nameless = replace(mine, labeller_id=found.id, comment="", idempotency_key=f"{found.id}:k1")
    assert judgments.all(db) == [nameless, theirs]
    (remark,) = remarks.all(db)
    assert (remark.labeller_id, remark.comment) == (found.id, "")
    assert remark.idempotency_key == f"{found.id}:r1"
    assert meta.get(db, f"control items count after: {gone.id}") is None


def test_the_last_admin_is_not_forgotten(db: Database) -> None:
    labellers.add(db, [ANN, BOB])
    with pytest.raises(DataError, match="the last admin"):
        labellers.forget(db, ANN.id)
    labellers.forget(db, BOB.id)
    assert labellers.get(db, ANN.id) == ANN
