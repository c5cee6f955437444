"""What was collected: counts, ties, agreement, and the words people were guided by."""

from collections.abc import Callable

import pytest

from rather.feedback.events import Circumstances, guidelines_hash, new_judgment
from rather.feedback.kinds import answer_of
from rather.records import Judgment, Labeller
from rather.stages.reported.people import agreement, collected, guideline_versions
from rather.store import guidelines, judgments, labellers
from rather.workspace import Workspace

BOB = Labeller("bob", "Bob", is_simulated=False)


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


@pytest.fixture
def shared_ws(judged_ws: Workspace) -> Workspace:
    """Bob says of every pair what Ann says, but of two."""
    labellers.add(judged_ws.db, [BOB])
    for number, one in enumerate(judgments.live(judged_ws.db, "pair")):
        choice = one.answer["choice"] if number > 1 else {"A": "B", "B": "A"}[one.answer["choice"]]
        again = type(answer_of(one)).from_answer({**one.answer, "choice": choice})
        under = Circumstances(guidelines_hash=guidelines_hash("Old words."))
        judgments.record(judged_ws.db, new_judgment(one.prompt_id, BOB, again, under))
    return judged_ws


def test_agreement_of_those_who_judged_the_same(shared_ws: Workspace) -> None:
    (pairs,) = agreement(judgments.live(shared_ws.db))
    assert pairs.kind == "pair"
    assert pairs.raw is not None
    assert (pairs.raw.value, pairs.raw.n) == (pytest.approx(9 / 11), 11)
    assert pairs.alpha is not None
    assert pairs.alpha.low < pairs.alpha.value < pairs.alpha.high


def test_agreement_of_one_is_not_known(judged_ws: Workspace) -> None:
    (pairs,) = agreement(judgments.live(judged_ws.db))
    assert (pairs.raw, pairs.alpha) == (None, None)
    assert pairs.reason == "fewer than two people have judged anything"


def test_the_words_under_which_something_was_said(
    shared_ws: Workspace, new_ws: Callable[..., Workspace]
) -> None:
    guidelines.keep(shared_ws.db, guidelines_hash("Old words."), "Old words.", "2026")
    guidelines.keep(shared_ws.db, guidelines_hash("Unused."), "Unused.", "2027")
    (found,) = guideline_versions(shared_ws, judgments.live(shared_ws.db))
    assert (found.text, found.num_judgments, found.is_current) == ("Old words.", 11, False)
    assert guideline_versions(new_ws("bare"), []) == []
