"""Every judgment is learnt from or listed with its reason."""

from dataclasses import replace
from typing import Any

from rather.feedback.learning import Dropped, comparisons, demonstrations
from rather.records import Completion, Judgment, Kind, Message, Prompt

PROMPTS = [
    Prompt("p1", (Message("user", "Why?"),), "train"),
    Prompt("p2", (Message("user", "How?"),), "heldout"),
]
COMPLETIONS = [
    Completion("c1", "p1", "One.", "base"),
    Completion("c2", "p1", "Two.", "base"),
    Completion("same", "p1", "One.", "ppo-1"),
    Completion("empty", "p1", " \n", "base"),
]


def judgment(id: str, kind: Kind, answer: dict[str, Any], prompt_id: str = "p1") -> Judgment:
    return Judgment(id, kind, prompt_id, "ann", answer, "2026", id, False)


def pair(id: str, left: str, right: str, choice: str = "A", prompt_id: str = "p1") -> Judgment:
    answer = {"left_completion_id": left, "right_completion_id": right, "choice": choice}
    return judgment(id, "pair", answer, prompt_id)


def test_what_cannot_be_compared_is_listed() -> None:
    given = [
        pair("1", "c1", "c2"),
        pair("2", "c1", "same"),
        pair("3", "c1", "empty"),
        pair("4", "c1", "c2", "both_bad"),
        pair("5", "c1", "gone"),
        pair("6", "c1", "c2", prompt_id="gone"),
        pair("7", "c1", "c2", "neither"),
        pair("8", "c1", "c2", prompt_id="p2"),
        judgment("9", "thumb", {"completion_id": "c1", "good": True}),
        judgment("10", "correction", {"completion_id": "c1", "text": "One."}),
    ]
    learnt, dropped = comparisons(given, PROMPTS, COMPLETIONS, split="train")
    assert [comparison.judgment_id for comparison in learnt] == ["1"]
    assert dropped.reasons == (
        ("2", "its texts are identical"),
        ("3", "a completion is empty"),
        ("4", "both answers were called bad, neither better"),
        ("5", "its completion gone is not known"),
        ("6", "its prompt is not known"),
        (
            "7",
            "The answer of a pair has a wrong field choice: it must be one of A, B, tie, both_bad.",
        ),
        ("8", "held back: its prompt belongs to the heldout split"),
        ("9", "a thumb compares nothing"),
        ("10", "its texts are identical"),
    )


def test_both_splits_when_none_is_asked_for() -> None:
    given = [pair("1", "c1", "c2"), pair("2", "c1", "c2", prompt_id="p2")]
    learnt, dropped = comparisons(given, PROMPTS, COMPLETIONS)
    assert [comparison.prompt.split for comparison in learnt] == ["train", "heldout"]
    assert len(dropped) == 0


def test_demonstrations_come_from_two_kinds() -> None:
    given = [
        judgment("1", "demonstration", {"text": "So."}),
        judgment("2", "correction", {"completion_id": "c1", "text": "Better."}),
        pair("3", "c1", "c2"),
    ]
    learnt, dropped = demonstrations(given, PROMPTS)
    assert [demonstration.completion for demonstration in learnt] == ["So.", "Better."]
    assert dropped.reasons == (("3", "a pair demonstrates nothing"),)


def test_counts_put_the_commonest_reason_first() -> None:
    dropped = Dropped((("1", "a"), ("2", "b"), ("3", "b")))
    assert list(dropped.counts.items()) == [("b", 2), ("a", 1)]


def test_what_checks_labellers_is_not_learnt_from() -> None:
    given = [
        replace(pair("1", "c1", "c2"), source="gold"),
        replace(pair("2", "c1", "c2"), source="gold_check"),
        replace(pair("3", "c1", "c2"), source="repeat"),
        replace(judgment("4", "demonstration", {"text": "So."}), source="repeat"),
    ]
    learnt, dropped = comparisons(given, PROMPTS, COMPLETIONS)
    assert learnt == []
    assert dropped.reasons == (
        ("1", "the known answer of a control item"),
        ("2", "an answer to a control item"),
        ("3", "asked a second time, to see whether the answer stays"),
        ("4", "asked a second time, to see whether the answer stays"),
    )
    assert demonstrations(given, PROMPTS)[0] == []


def test_what_an_admin_settled_stands_alone() -> None:
    given = [
        pair("1", "c1", "c2"),
        pair("2", "c2", "c1"),
        pair("3", "c1", "same"),
        pair("bad", "c1", "c2", "neither"),
        replace(pair("4", "c2", "c1", "B"), source="resolution"),
    ]
    learnt, dropped = comparisons(given, PROMPTS, COMPLETIONS)
    assert [comparison.judgment_id for comparison in learnt] == ["4"]
    assert dropped.counts == {
        "settled by an admin": 2,
        "its texts are identical": 1,
        "The answer of a pair has a wrong field choice: it must be one of A, B, tie, both_bad.": 1,
    }
