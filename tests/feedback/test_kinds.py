"""Every kind of the records has its file, and says what it says again."""

from typing import get_args

from rather.feedback.kinds import KINDS, answer_of
from rather.feedback.thumb import Thumb
from rather.records import Judgment, Kind


def test_all_kinds_are_there_under_their_own_names() -> None:
    assert tuple(KINDS) == get_args(Kind)
    assert [kind.kind for kind in KINDS.values()] == list(KINDS)


def test_a_judgment_says_what_it_says() -> None:
    answer = {"completion_id": "c1", "good": True}
    judgment = Judgment("01", "thumb", "p1", "ann", answer, "2026", "k", False)
    assert answer_of(judgment) == Thumb("c1", True)
