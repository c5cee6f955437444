"""A conversation: what goes to the models, what is remembered, and what cannot be done."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rather.errors import TooLong
from rather.records import Message
from rather.stages.chat.answers import Answered, Heard
from rather.stages.chat.dialogue import Dialogue


class Chorus:
    """Two speakers who count."""

    names = ("base", "ppo-1")

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[Message, ...], int]] = []
        self.is_stopped = False

    def answer(self, messages: Sequence[Message], number: int, heard: Heard) -> Any:
        if messages[-1].content == "long":
            raise TooLong("The conversation is too long.")
        self.asked.append((tuple(messages), number))
        heard(0, "So")
        return tuple(
            Answered(name, f"So, {name} {number}.", 3, False, is_stopped=self.is_stopped)
            for name in self.names
        )


class Solo(Chorus):
    names = ("base",)  # type: ignore[assignment]


class Notes:
    """Remembers what is said, and shows nothing."""

    where = ""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.notes: list[str] = []
        self.ended: list[int] = []

    def prefer(self, messages: Any, answers: Sequence[Answered], choice: Any) -> None:
        self.said.append((messages[-1].content, [one.text for one in answers], choice))

    def correct(self, messages: Any, answer: Answered, text: str) -> None:
        self.said.append((messages[-1].content, answer.text, text))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def begin(self, names: tuple[str, ...]) -> Heard:
        return lambda place, text: None

    def end(self, answers: tuple[Answered, ...]) -> None:
        self.ended.append(len(answers))


def talk(
    *lines: str, speakers: Chorus | None = None, **more: Any
) -> tuple[Dialogue, Chorus, Notes]:
    chorus, notes = speakers or Chorus(), Notes()
    dialogue = Dialogue(chorus, notes, notes, more.pop("edit_text", lambda text: text), **more)
    for line in lines:
        assert dialogue.take(line)
    return dialogue, chorus, notes


def test_the_conversation_goes_on_with_the_first_answer() -> None:
    dialogue, chorus, notes = talk("Why?", "  ", "And then?")
    assert chorus.asked[1] == (
        (
            Message("user", "Why?"),
            Message("assistant", "So, base 0."),
            Message("user", "And then?"),
        ),
        1,
    )
    assert (dialogue.num_turns, notes.ended) == (2, [2, 2])


def test_or_with_the_picked_one() -> None:
    dialogue, chorus, notes = talk("Why?", "/pick 2", "And then?")
    assert notes.said == [("Why?", ["So, base 0.", "So, ppo-1 0."], 1)]
    assert notes.notes == ["Noted; going on with 2 (ppo-1)."]
    assert chorus.asked[1][0][1] == Message("assistant", "So, ppo-1 0.")
    assert dialogue.num_said == 1


@pytest.mark.parametrize(("word", "choice"), [("tie", "tie"), ("bad", "both_bad")])
def test_none_is_better(word: str, choice: str) -> None:
    _, _, notes = talk("Why?", f"/pick {word}")
    assert notes.said[0][2] == choice


def test_or_with_what_it_should_have_been() -> None:
    _, chorus, notes = talk("Why?", "/edit 2 Because of that.", "And then?")
    assert notes.said == [("Why?", "So, ppo-1 0.", "Because of that.")]
    assert chorus.asked[1][0][1] == Message("assistant", "Because of that.")


def test_of_one_answer_the_number_may_be_left_out() -> None:
    _, _, notes = talk("Why?", "/edit Because of that.", speakers=Solo())
    assert notes.said == [("Why?", "So, base 0.", "Because of that.")]


def test_an_editor_has_the_last_text() -> None:
    seen: list[str] = []

    def edit(text: str) -> str:
        seen.append(text)
        return f"{text} More."

    _, _, notes = talk("Why?", "/edit 1", "/edit 1", edit_text=edit)
    assert seen == ["So, base 0.", "So, base 0. More."]
    assert notes.said[1][2] == "So, base 0. More. More."


def test_other_answers_to_the_same() -> None:
    _, chorus, _ = talk("Why?", "/pick 2", "/retry", "/pick 1")
    assert chorus.asked == [((Message("user", "Why?"),), 0), ((Message("user", "Why?"),), 1)]


def test_a_system_message_and_a_new_beginning() -> None:
    dialogue, chorus, _ = talk("Why?", "/system Be brief.", "How?", "/reset", "Who?", "/system")
    assert chorus.asked[1][0] == (Message("system", "Be brief."), Message("user", "How?"))
    assert chorus.asked[2][0] == (Message("system", "Be brief."), Message("user", "Who?"))
    assert dialogue.messages == ()


def test_a_slash_can_be_said() -> None:
    _, chorus, _ = talk("//etc is what?")
    assert chorus.asked[0][0][0].content == "/etc is what?"


def test_it_is_saved(tmp_path: Path) -> None:
    file = tmp_path / "talk.json"
    _, _, notes = talk("Why?", "/pick 2", f"/save {file}", f"/save {file}", "/save", "/save /no/x")
    assert json.loads(file.read_text()) == {
        "messages": [
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "So, ppo-1 0."},
        ],
        "answers": [
            {"model": "base", "text": "So, base 0."},
            {"model": "ppo-1", "text": "So, ppo-1 0."},
        ],
    }
    assert notes.notes[2:] == [
        f"{file} is there already; name another file.",
        "Say where: /save FILE.",
        "/no is no folder; name a file in one.",
    ]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["/pick 1"], "/pick chooses among answers of several models"),
        (["Why?", "/pick"], "Give the number of an answer, 1 to 2."),
        (["Why?", "/pick 3"], "Give the number of an answer, 1 to 2."),
        (["Why?", "/pick 0"], "Give the number of an answer, 1 to 2."),
        (["Why?", "/pick ²"], "Give the number of an answer, 1 to 2."),
        (["/edit 1 x"], "There is no answer yet."),
        (["Why?", "/edit 1"], "Nothing was changed"),
        (["Why?", "/edit 1 So, base 0."], "Nothing was changed"),
        (["/retry"], "Nothing was asked yet."),
        (["/dance"], "There is no /dance; /help lists what there is."),
        (["/help"], "/pick N"),
    ],
)
def test_what_cannot_be_done_is_said(lines: list[str], says: str) -> None:
    dialogue, _, notes = talk(*lines)
    assert notes.notes[-1].startswith(says)
    assert (notes.said, dialogue.num_said) == ([], 0)


def test_a_question_that_fails_changes_nothing() -> None:
    dialogue, chorus, notes = talk("Why?", "long", "And then?")
    assert notes.notes == ["The conversation is too long."]
    assert notes.ended == [2, 0, 2]
    assert [one.content for one in chorus.asked[1][0]] == ["Why?", "So, base 0.", "And then?"]
    assert dialogue.num_turns == 2


def test_nothing_is_judged_by_an_answer_that_was_stopped() -> None:
    chorus = Chorus()
    chorus.is_stopped = True
    _, _, notes = talk("Why?", "/pick 1", "/edit 1 Thus.", speakers=chorus)
    assert notes.said == []
    assert all("stopped" in note for note in notes.notes)


def test_it_ends() -> None:
    dialogue, _, _ = talk("Why?")
    assert not dialogue.take("/quit")
