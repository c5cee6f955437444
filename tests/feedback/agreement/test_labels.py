"""What a label says does not depend on who saw what where."""

from dataclasses import replace

import pytest

from rather.feedback.agreement.labels import Label, is_label, label_of, table
from rather.feedback.correction import Correction
from rather.feedback.demonstration import Demonstration
from rather.feedback.events import new_judgment
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.feedback.thumb import Thumb
from rather.records import Labeller


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Pair("a", "b", "A"), "first"),
        (Pair("b", "a", "B"), "first"),
        (Pair("a", "b", "B"), "second"),
        (Pair("b", "a", "A"), "second"),
        (Pair("b", "a", "tie"), "tie"),
        (Pair("b", "a", "both_bad"), "both_bad"),
        (Thumb("a", True), "good"),
        (Thumb("a", False), "bad"),
    ],
)
def test_choices_are_about_the_answers(answer: Pair | Thumb, said: str) -> None:
    assert label_of(answer) == Label({"": said})


def test_a_ranking_is_its_order() -> None:
    said = label_of(Ranking(("c", "a", "b"), (3, 1, 3)))
    assert said == Label({"a-b": "first", "a-c": "first", "b-c": "tie"}, {"a": 1, "b": 2, "c": 2})
    assert said == label_of(Ranking(("a", "b", "c"), (1, 2, 2)))


def test_what_people_write_says_nothing_countable() -> None:
    assert label_of(Demonstration("So.")) is None
    assert label_of(Correction("a", "So.")) is None


def test_only_what_people_said_of_items_counts() -> None:
    judgment = new_judgment("p", Labeller("ann", "Ann", False), Pair("a", "b", "A"))
    counted = {
        source: is_label(replace(judgment, source=source))
        for source in (
            "label", "import", "api", "playground", "resolution", "gold", "gold_check", "repeat",
        )
    }  # fmt: skip
    assert [source for source, is_counted in counted.items() if is_counted] == [
        "label", "import", "api",
    ]  # fmt: skip
    assert not is_label(replace(judgment, is_simulated=True))


def test_the_later_of_two_by_one_person_counts() -> None:
    first, second = Label({"": "first"}), Label({"": "second"})
    found = table([("1", "ann", first), ("1", "bob", first), ("1", "ann", second)])
    assert found == {"1": {"ann": second, "bob": first}}
