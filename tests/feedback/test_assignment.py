"""What is asked, of how many, in which order: pure, fair, the same after a reload."""

import pytest

from rather.config.labelling import Checks, Labelling, Overlap
from rather.feedback.assignment import (
    Item,
    all_items,
    askable,
    in_order,
    purpose_of,
    reordered,
    share_of_more,
    shuffled,
    sides,
    standing,
    wanted_judges,
)
from rather.records import Completion, Message, Prompt

KEY = b"k" * 32
PROMPTS = [
    Prompt("p1", (Message("user", "Why?"),), "train"),
    Prompt("p2", (Message("user", "How?"),), "heldout"),
    Prompt("g_1", (Message("user", "Right?"),), "train", source="gold"),
    Prompt("chat", (Message("user", "Hi"),), "train", source="playground"),
]


def completion(id: str, text: str, prompt_id: str = "p1", **sampling: str) -> Completion:
    return Completion(id, prompt_id, text, "base", dict(sampling))


GIVEN = [
    completion("a", "One."),
    completion("x", "Other.", "p2"),
    completion("b", "Two."),
    completion("c", "One."),
    completion("d", " "),
    completion("e", "Three."),
    completion("f", "Four.", purpose="evaluate"),
    completion("g", "Five.", "g_1"),
    completion("h", "Six.", "g_1"),
]


def test_each_text_is_asked_about_once_and_none_of_an_evaluation() -> None:
    found = {
        prompt: {contest: [one.id for one in given] for contest, given in groups.items()}
        for prompt, groups in askable(GIVEN).items()
    }
    assert found == {"p1": {"": ["a", "b", "e"]}, "p2": {"": ["x"]}, "g_1": {"": ["g", "h"]}}


def test_a_contest_is_asked_about_by_itself_and_first() -> None:
    contest = {"purpose": "contest", "contest": "c1"}
    both = [
        completion("m", "One.", "p2", **contest),  # a text that stands outside of it too
        completion("n", "", "p2", **contest),  # saying nothing is an answer here
    ]
    ordinary = [completion("x", "One.", "p2"), completion("y", "Another.", "p2")]
    found = all_items(PROMPTS, [*ordinary, *both], Labelling())
    assert [(item.completion_ids, item.is_awaited) for item in found] == [
        (("x", "y"), False),
        (("m", "n"), True),
    ]
    # both wrote the same: there is nothing to ask
    same = [completion("m", "One.", "p2", **contest), completion("n", "One.", "p2", **contest)]
    assert all_items(PROMPTS, same, Labelling()) == []
    # whatever else is asked, a contest is asked in pairs
    for kind in ("thumb", "ranking", "correction"):
        asked = all_items(PROMPTS, both, Labelling(kind=kind))  # type: ignore[arg-type]
        assert [(item.kind, item.completion_ids) for item in asked] == [("pair", ("m", "n"))]


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("pair", [("a", "b"), ("a", "e"), ("b", "e")]),
        ("ranking", [("a", "b", "e")]),
        ("thumb", [("a",), ("b",), ("e",), ("x",)]),
        ("correction", [("a",), ("b",), ("e",), ("x",)]),
        ("demonstration", [()]),
    ],
)
def test_each_kind_asks_its_own(kind: str, asked: list[tuple[str, ...]]) -> None:
    found = all_items(PROMPTS, GIVEN, Labelling(kind=kind))  # type: ignore[arg-type]
    assert [item.completion_ids for item in found] == asked
    assert {item.kind for item in found} == {kind}


def test_only_training_prompts_are_demonstrated() -> None:
    found = all_items(PROMPTS, [], Labelling(kind="demonstration"))
    assert [item.name for item in found] == ["demonstration:p1"]


def test_of_two_pairs_in_a_row_one_is_swapped() -> None:
    for number in range(0, 400, 2):
        first, second = (sides(KEY, "ann", n, ("x", "y")) for n in (number, number + 1))
        assert {first, second} == {("x", "y"), ("y", "x")}
    firsts = [sides(KEY, "ann", number, ("x", "y"))[0] for number in range(0, 400, 2)]
    assert 70 < firsts.count("x") < 130
    assert firsts != [sides(KEY, "bob", number, ("x", "y"))[0] for number in range(0, 400, 2)]


def test_other_orders_are_drawn_for_each_labeller_and_item() -> None:
    ids = tuple("abcdef")
    drawn = [shuffled(KEY, "ann", f"item-{n}", ids) for n in range(50)]
    assert drawn == [shuffled(KEY, "ann", f"item-{n}", ids[::-1]) for n in range(50)]
    assert len(set(drawn)) > 40
    assert all(sorted(order) == list(ids) for order in drawn)
    item = Item("ranking:abcdef", "ranking", "p1", ids)
    assert in_order(KEY, "ann", 0, item) == shuffled(KEY, "ann", "ranking:abcdef", ids)


def test_what_is_asked_again_stands_in_another_order() -> None:
    assert reordered(KEY, "ann", "item", ("x", "y")) == ("y", "x")
    assert reordered(KEY, "ann", "item", ("x",)) == ("x",)
    for number in range(50):
        shown = shuffled(KEY, "ann", f"item-{number}", "abc")
        again = reordered(KEY, "ann", f"item-{number}", shown)
        assert again != shown
        assert sorted(again) == ["a", "b", "c"]


def test_shared_items_are_drawn_by_chance_and_once() -> None:
    overlap = Overlap(judges=2, shared_fraction=0.25, shared_judges=5)
    wanted = [wanted_judges(KEY, overlap, f"item-{n}") for n in range(1000)]
    assert set(wanted) == {2, 5}
    assert 200 < wanted.count(5) < 300
    assert wanted == [wanted_judges(KEY, overlap, f"item-{n}") for n in range(1000)]
    few = Overlap(judges=4, shared_fraction=1, shared_judges=3)
    assert wanted_judges(KEY, few, "item") == 4


def test_the_share_of_judgments_that_shared_items_need() -> None:
    # of 10 items 1 is judged by 3: 12 judgments, 2 of them beyond the first
    assert share_of_more(Overlap(judges=1, shared_fraction=0.1, shared_judges=3)) == pytest.approx(
        1 / 6
    )
    assert share_of_more(Overlap(judges=3, shared_fraction=0.5, shared_judges=3)) == 0


def test_checks_are_mixed_in_at_their_fractions() -> None:
    checks = Checks(gold_fraction=0.1, repeat_fraction=0.2)
    drawn = [purpose_of(KEY, checks, "ann", n) for n in range(2000)]
    assert 150 < drawn.count("gold") < 250
    assert 340 < drawn.count("repeat") < 460
    assert drawn == [purpose_of(KEY, checks, "ann", n) for n in range(2000)]
    none = Checks(gold_fraction=0, repeat_fraction=0)
    assert {purpose_of(KEY, none, "ann", n) for n in range(200)} == {"work"}


def test_too_many_wrong_answers_warn_and_then_pause() -> None:
    checks = Checks(min_gold=5, warn_below=0.7, pause_below=0.5)
    assert standing(0, 4, checks) == "fine"
    assert standing(2, 5, checks) == "paused"
    assert standing(3, 5, checks) == "warned"
    assert standing(5, 10, checks) == "warned"
    assert standing(7, 10, checks) == "fine"
