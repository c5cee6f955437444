"""Every usual shape of a preference row."""

from typing import Any

import pytest

from rather.data.collected import BadField
from rather.data.formats import pairs
from rather.data.formats.draft import Draft
from rather.feedback.pair import Pair


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


USER, YES, NO = turn("user", "Why?"), turn("assistant", "Yes."), turn("assistant", "No.")
HH = "\n\nHuman: Why?\n\nAssistant: "


def said(draft: Draft) -> list[tuple[str, str, str, str, int | None]]:
    """(labeller, left text, right text, choice, strength) of each verdict."""
    texts = {completion.id: completion.text for completion in draft.completions}
    rows = []
    for name, answer in draft.verdicts:
        assert isinstance(answer, Pair)
        left, right = (texts[id] for id in answer.completion_ids)
        rows.append((name, left, right, answer.choice, answer.strength))
    return rows


@pytest.mark.parametrize(
    ("row", "is_text"),
    [
        ({"prompt": "Why?", "chosen": "Yes.", "rejected": "No."}, True),
        ({"prompt": [USER], "chosen": [YES], "rejected": [NO]}, False),
        ({"prompt": [USER], "chosen": "Yes.", "rejected": "No."}, False),
        ({"chosen": [USER, YES], "rejected": [USER, NO]}, False),
        ({"prompt": "Why?", "chosen": [USER, YES], "rejected": [USER, NO]}, False),
        ({"chosen": HH + "Yes.", "rejected": HH + "No."}, False),
        ({"prompt": HH, "chosen": "Yes.", "rejected": "No."}, False),
        ({"instruction": "Why?", "chosen": "Yes.", "rejected": "No."}, True),
    ],
)
def test_chosen_and_rejected(row: dict[str, Any], is_text: bool) -> None:
    draft = pairs.read(row)
    assert [message.content for message in draft.messages] == ["Why?"]
    assert draft.is_text is is_text
    assert said(draft) == [("imported", "Yes.", "No.", "A", None)]


def test_texts_without_prompt_share_their_beginning() -> None:
    draft = pairs.read({"chosen": "The sky is blue.", "rejected": "The sky is black."})
    assert [message.content for message in draft.messages] == ["The sky is"]
    assert said(draft) == [("imported", " blue.", " black.", "A", None)]


@pytest.mark.parametrize(
    ("extra", "strength"),
    [({"strength": 3}, 3), ({"margin": 2.0}, 2), ({"margin": 0.7}, None), ({"margin": None}, None)],
)
def test_strength_and_whole_margins_are_kept(extra: dict[str, Any], strength: int | None) -> None:
    draft = pairs.read({"prompt": "Why?", "chosen": "Yes.", "rejected": "No.", **extra})
    assert said(draft) == [("imported", "Yes.", "No.", "A", strength)]


@pytest.mark.parametrize(
    ("winner", "choice"),
    [
        ("model_a", "A"),
        ("model_b", "B"),
        ("tie", "tie"),
        ("both_bad", "both_bad"),
        ("tie (bothbad)", "both_bad"),
    ],
)
def test_arena_rows(winner: str, choice: str) -> None:
    draft = pairs.read(
        {
            "model_a": "m1",
            "model_b": "m2",
            "winner": winner,
            "judge": "j7",
            "conversation_a": [USER, YES],
            "conversation_b": [USER, NO],
        }
    )
    assert said(draft) == [("j7", "Yes.", "No.", choice, None)]
    assert [completion.model for completion in draft.completions] == ["m1", "m2"]


def test_every_vote_counts() -> None:
    row = {
        "prompt": [USER],
        "a": "Yes.",
        "b": "No.",
        "label": "b",
        "votes": [{"annotator": "w1", "choice": "a"}, {"annotator": "w2", "choice": "tie"}],
    }
    assert said(pairs.read(row)) == [
        ("w1", "Yes.", "No.", "A", None),
        ("w2", "Yes.", "No.", "tie", None),
    ]
    counted = pairs.read(row | {"votes": {"a": 2, "b": 1}})
    assert [choice for _, _, _, choice, _ in said(counted)] == ["A", "A", "B"]
    assert said(pairs.read(row | {"votes": []})) == [("imported", "Yes.", "No.", "B", None)]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"prompt": "Why?", "chosen": "Yes."}, "rejected"),
        ({"prompt": "Why?", "chosen": "Yes.", "rejected": "Yes."}, "rejected"),
        ({"prompt": "Why?", "chosen": "Yes.", "rejected": " \n"}, "rejected"),
        ({"prompt": "Why?", "chosen": 3, "rejected": "No."}, "chosen"),
        ({"prompt": "How?", "chosen": [USER, YES], "rejected": [USER, NO]}, "prompt"),
        ({"chosen": [USER, YES], "rejected": [turn("user", "How?"), NO]}, "rejected"),
        ({"chosen": "Blue.", "rejected": "Black."}, "prompt"),
        ({"prompt": "Why?", "chosen": "Yes.", "rejected": "No.", "strength": 9}, "strength"),
        ({"prompt": "Why?", "a": "Yes.", "b": "Yes.", "label": "a"}, "b"),
        ({"prompt": "Why?", "a": "Yes.", "b": "No.", "label": "c"}, "label"),
        ({"prompt": "Why?", "a": "Yes.", "b": "No."}, "label"),
        ({"prompt": "Why?", "a": "Yes.", "b": "No.", "votes": {"a": 10**9}}, "votes.a"),
        ({"prompt": "Why?", "a": "Yes.", "b": "No.", "votes": [{"choice": 1}]}, "votes[0].choice"),
        ({"conversation_a": [USER, YES], "conversation_b": [USER, NO], "winner": "a"}, "model_a"),
    ],
)
def test_a_bad_row_names_its_field(row: dict[str, Any], field: str) -> None:
    with pytest.raises(BadField) as caught:
        pairs.read(row)
    assert caught.value.field == field
