"""Progress, agreement and every labeller's numbers, counted by hand."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from rather.feedback.correction import Correction
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.feedback.thumb import Thumb
from rather.records import Completion
from rather.store import completions
from rather.store.database import Database
from rather.web.admin import overview
from rather.web.admin.ledger import Ledger

URL = "/api/admin/overview"


def pair(n: int, choice: Any, *, swapped: bool = False) -> Pair:
    ids = (f"c{n}b", f"c{n}a") if swapped else (f"c{n}a", f"c{n}b")
    return Pair(*ids, choice)


def test_an_empty_workspace_has_reasons_instead_of_numbers(ada: TestClient) -> None:
    found = ada.get(URL).json()
    assert found["kind"] == "pair"
    assert found["counts"] == {
        "items": 8, "open_items": 8, "judgments": 0, "simulated": 0, "goal": 20, "skipped": 0,
        "flagged": 0, "hidden": 0, "disagreements": 0, "leaks": 0, "extra": 0,
    }  # fmt: skip
    nobody = {
        "value": None, "low": None, "high": None, "n": 0,
        "reason": "fewer than two people have judged anything",
    }  # fmt: skip
    assert found["agreement"] == {
        "num_items": 0, "raw": nobody, "alpha": nobody, "ceiling": nobody,
        "labellers": [], "kappa": [],
    }  # fmt: skip
    assert found["left_picks"]["reason"] == "no answer was chosen over another"
    assert (found["pace"]["per_hour"], found["pace"]["eta_hours"]) == (None, None)
    assert len(found["pace"]["per_day"]) == 30
    assert found["people"][0]["gold"]["reason"] == "no control item was answered"


def disagree_a_little(team: Any) -> None:
    # a: the answer c<n>a, b: c<n>b. Ann says a a a b b b tie, Bob a a b b b b tie, sides swapped.
    for n, (ann, bob) in enumerate(zip("AAABBB", "AABBBB", strict=True)):
        team.says("ann", pair(n, ann), f"p{n}")
        team.says("bob", pair(n, "B" if bob == "A" else "A", swapped=True), f"p{n}")
    team.says("ann", pair(6, "tie"), "p6")
    team.says("bob", pair(6, "tie"), "p6")


def test_agreement_by_hand(ada: TestClient, team: Any) -> None:
    disagree_a_little(team)
    # Nothing of this is a label: a simulator, a control item, a repeat, a settlement, a chat.
    team.says("sim", pair(0, "B"), "p0")
    for source in ("gold", "gold_check", "repeat", "resolution", "playground"):
        team.says("cem", pair(0, "B"), "p0", source=source)
    found = ada.get(URL).json()["agreement"]
    assert found["num_items"] == 7
    assert found["raw"]["value"] == pytest.approx(6 / 7)
    assert found["ceiling"]["value"] == pytest.approx(5 / 6)  # without the tie
    # n = 14: 5 times first, 7 second, 2 tie. D_o = 2/14, D_e = (196 − 25 − 49 − 4)/(14 · 13):
    # α = 1 − 26/118
    assert found["alpha"]["value"] == pytest.approx(1 - 26 / 118)
    assert found["labellers"] == ["ann", "bob"]
    # p_o = 6/7, p_e = (3·2 + 3·4 + 1·1)/49 = 19/49: κ = (42 − 19)/(49 − 19)
    assert found["kappa"][0][1]["value"] == pytest.approx(23 / 30)
    assert found["kappa"][0] == [None, found["kappa"][1][0]]
    for one in (found["raw"], found["alpha"], found["kappa"][0][1], found["ceiling"]):
        assert one["low"] < one["value"] < one["high"] or one["high"] == 1.0


def test_people_by_hand(ada: TestClient, team: Any) -> None:
    disagree_a_little(team)
    for n, choice in enumerate("ABA"):
        team.says("cem", pair(n, choice), f"p{n}", source="gold")
    team.says("ann", pair(0, "A"), "p0", source="gold_check", ms_to_decision=1)
    team.says("ann", pair(1, "A"), "p1", source="gold_check")
    team.says("ann", pair(2, "A"), "p2", source="gold_check")
    team.says("ann", pair(0, "B", swapped=True), "p0", source="repeat")  # a, as before
    team.says("ann", pair(3, "A"), "p3", source="repeat")  # a, and b before
    team.says("ann", pair(7, "A"), "p7", ms_to_decision=1999)
    team.says("ann", pair(7, "A"), "p7", source="api", ms_to_decision=5)
    team.remarks("ann", "skip", "pair:c0a-c0b")
    flag = team.remarks("ann", "flag", "pair:c1a-c1b")
    team.remarks("ann", "flag", "pair:c2a-c2b")
    team.remarks("ann", "withdrawal", "pair:c1a-c1b", supersedes=flag.id)
    people = {one["id"]: one for one in ada.get(URL).json()["people"]}
    ann = people["ann"]
    assert (ann["judgments"], ann["skips"], ann["flags"]) == (9, 1, 1)
    assert (ann["gold"]["value"], ann["gold"]["n"]) == (pytest.approx(2 / 3), 3)
    assert (ann["consistency"]["value"], ann["consistency"]["n"]) == (0.5, 2)
    # On the left: three a and the one of item 7, of seven choices in the page.
    assert (ann["left_picks"]["value"], ann["left_picks"]["n"]) == (pytest.approx(4 / 7), 7)
    assert (ann["median_ms"], ann["fast"]) == (1999, 1)
    # Bob's a stands on the right.
    assert people["bob"]["left_picks"]["value"] == pytest.approx(4 / 6)
    assert (people["sim:x"]["is_simulated"], people["ada"]["judgments"]) == (True, 0)


def test_counts_by_hand(
    db: Database, new_app: Callable[..., FastAPI], browser: Callable[..., TestClient], team: Any
) -> None:
    overlap = {"judges": 2, "shared_fraction": 0.0}
    ada = browser(new_app(overlap=overlap), "ada")
    disagree_a_little(team)  # items 0 to 6 are full, item 2 is disputed
    team.says("cem", pair(0, "A"), "p0")  # one more than wanted
    team.says("sim", pair(7, "A"), "p7")  # spares nobody item 7
    team.remarks("ann", "skip", "pair:c7a-c7b")
    team.remarks("ann", "flag", "pair:c6a-c6b")
    for who in ("ann", "bob"):
        team.remarks(who, "flag", "pair:c5a-c5b")
    completions.add(db, [Completion("leak", "p7", "As an AI by OpenAI, no.", "sft-1")])
    found = ada.get(URL).json()["counts"]
    # Prompt 7 has three answers now, and three pairs of them.
    assert found == {
        "items": 10, "open_items": 3, "judgments": 15, "simulated": 1, "goal": 20, "skipped": 1,
        "flagged": 2, "hidden": 1, "disagreements": 1, "leaks": 2, "extra": 1,
    }  # fmt: skip
    team.says("ada", pair(2, "A"), "p2", source="resolution")
    team.remarks("ada", "restore", "pair:c5a-c5b")
    team.remarks("ada", "retire", "pair:c7a-c7b")
    found = ada.get(URL).json()["counts"]
    assert (found["disagreements"], found["flagged"], found["hidden"]) == (0, 1, 1)
    assert (found["open_items"], found["judgments"]) == (2, 15)


def test_what_is_taken_back_or_edited_counts_no_more(ada: TestClient, team: Any) -> None:
    first = team.says("ann", pair(0, "A"), "p0", guidelines_hash="old")
    team.says("bob", pair(0, "B"), "p0", guidelines_hash="old")
    assert ada.get(URL).json()["counts"]["disagreements"] == 1
    edit = team.says("ann", pair(0, "B"), "p0", supersedes=first.id, guidelines_hash="new")
    found = ada.get(URL).json()
    assert (found["counts"]["disagreements"], found["counts"]["judgments"]) == (0, 2)
    assert found["agreement"]["raw"]["value"] == 1.0
    assert found["guidelines"] == [["old", 1], ["new", 1]]
    team.says("ann", pair(0, "B"), "p0", supersedes=edit.id, is_retraction=True)
    found = ada.get(URL).json()
    assert (found["counts"]["judgments"], found["agreement"]["num_items"]) == (1, 0)


def test_rankings_are_ordinal(
    new_app: Callable[..., FastAPI], browser: Callable[..., TestClient], db: Database, team: Any
) -> None:
    more = [Completion(f"c{n}c", f"p{n}", f"Answer c to {n}.", "sft-1") for n in range(8)]
    completions.add(db, more)
    ada = browser(new_app(kind="ranking", ranking_size=3), "ada")
    for n in range(5):
        ids = (f"c{n}a", f"c{n}b", f"c{n}c")
        team.says("ann", Ranking(ids, (1, 2, 3)), f"p{n}")
        team.says("bob", Ranking(ids[::-1], (3, 2, 1) if n else (2, 3, 1)), f"p{n}")
    found = ada.get(URL).json()
    # As in test_alpha.py; item 0 has 2 of 3 choices alike.
    assert found["agreement"]["alpha"]["value"] == pytest.approx(0.903333, abs=5e-7)
    assert found["agreement"]["raw"]["value"] == pytest.approx((4 + 2 / 3) / 5)
    assert (found["counts"]["items"], found["counts"]["disagreements"]) == (8, 1)


def test_what_people_write_has_no_agreement(
    new_app: Callable[..., FastAPI], browser: Callable[..., TestClient], team: Any
) -> None:
    ada = browser(new_app(kind="correction"), "ada")
    team.says("ann", Correction("c0a", "Better."), "p0")
    team.says("bob", Correction("c0a", "Best."), "p0")
    found = ada.get(URL).json()
    reason = "what people write cannot be counted as the same or different"
    for name in ("raw", "alpha", "ceiling"):
        assert found["agreement"][name]["reason"] == reason
    assert (found["counts"]["disagreements"], found["counts"]["judgments"]) == (0, 2)


def test_thumbs_agree(
    new_app: Callable[..., FastAPI], browser: Callable[..., TestClient], team: Any
) -> None:
    ada = browser(new_app(kind="thumb"), "ada")
    for n, good in enumerate((True, True, True, False)):
        team.says("ann", Thumb(f"c{n}a", True), f"p{n}")
        team.says("bob", Thumb(f"c{n}a", good), f"p{n}")
    found = ada.get(URL).json()["agreement"]
    assert (found["raw"]["value"], found["ceiling"]["value"]) == (0.75, 0.75)
    assert found["alpha"]["reason"] == "fewer than 5 items were judged by two people"


def test_a_slow_count_is_good_for_a_while(
    db: Database, team: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    clock = [0.0]
    real = overview._counted

    def slow(*arguments: Any) -> Any:
        counted.append(threading.get_ident())
        clock[0] += 1.0
        return real(*arguments)

    monkeypatch.setattr(overview, "_counted", slow)
    monkeypatch.setattr(overview.time, "monotonic", lambda: clock[0])
    from rather.config.labelling import Labelling

    ledger, kept = Ledger(db, Labelling(), b"secret"), overview.Overview()
    assert kept.of(ledger, [], 200).counts.judgments == 0
    team.says("ann", pair(0, "A"), "p0")
    clock[0] = 10.9
    assert kept.of(ledger, [], 200).counts.judgments == 0
    clock[0] = 11.0
    assert kept.of(ledger, [], 200).counts.judgments == 1
    clock[0] = 1000.0
    assert kept.of(ledger, [], 200).counts.judgments == 1
    assert len(counted) == 2
