"""One conversation in the terminal: what is said goes to the models, a line with `/` to us."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rather.durable import write_text
from rather.errors import DataError, RatherError, UsageError
from rather.feedback.use.picked import Pick
from rather.records import Message
from rather.stages.chat.answers import Answered, Heard, Memory, Speakers

HELP = """\
/pick N      I'd rather have answer N; the conversation goes on with it (also: /pick tie, /pick bad)
/edit N TEXT the answer N should rather have been TEXT; without TEXT $EDITOR opens
/retry       other answers to the same
/system TEXT set the system message and begin anew; without TEXT take it away
/reset       begin anew
/save FILE   write the conversation as JSON
/quit        end (or Ctrl-D); Ctrl-C stops an answer under way
A line that begins with // is said with one /."""


class Screen(Protocol):
    """Where everything is shown; whatever comes from a model is shown harmless."""

    def note(self, text: str) -> None:
        """A line to the person."""

    def begin(self, names: tuple[str, ...]) -> Heard:
        """Answers come now; the function hears them grow."""

    def end(self, answers: tuple[Answered, ...]) -> None:
        """They are whole; none where they could not be given."""


@dataclass
class Dialogue:
    """The state of a conversation and what may be done with it."""

    speakers: Speakers
    memory: Memory
    screen: Screen
    edit_text: Callable[[str], str]
    """Lets the person edit a text."""
    system: str | None = None
    asked: tuple[Message, ...] = ()
    """The conversation up to the last question."""
    answers: tuple[Answered, ...] = ()
    """To that question."""
    chosen: int = 0
    """Which of them the conversation goes on with."""
    edits: dict[int, str] = field(default_factory=dict)
    """What they should rather have been."""
    number: int = 0
    num_turns: int = 0
    num_said: int = 0
    """Picks and edits."""

    def take(self, line: str) -> bool:
        """Do what a line says; False where it ends the conversation."""
        text = line.strip()
        if not text:
            return True
        try:
            if text.startswith("/") and not text.startswith("//"):
                return self._obey(text)
            self._ask(text.removeprefix("/") if text.startswith("//") else text)
        except RatherError as error:  # the conversation goes on as it was before
            self.screen.note(str(error))
        return True

    @property
    def messages(self) -> tuple[Message, ...]:
        """All of it, with the answer it goes on with."""
        if not self.answers:
            return self.asked or self._beginning()
        text = self.edits.get(self.chosen, self.answers[self.chosen].text)
        return (*self.asked, Message("assistant", text))

    def _beginning(self) -> tuple[Message, ...]:
        return (Message("system", self.system),) if self.system else ()

    def _ask(self, text: str) -> None:
        self._answer((*self.messages, Message("user", text)))
        self.num_turns += 1

    def _answer(self, asked: tuple[Message, ...]) -> None:
        answers: tuple[Answered, ...] = ()
        heard = self.screen.begin(self.speakers.names)
        try:
            answers = self.speakers.answer(asked, self.number, heard)
        finally:
            self.screen.end(answers)
        self.asked, self.answers, self.chosen, self.edits = asked, answers, 0, {}
        self.number += 1

    def _obey(self, text: str) -> bool:
        name, _, rest = text[1:].partition(" ")
        if name == "quit":
            return False
        command = _COMMANDS.get(name)
        if command is None:
            raise UsageError(f"There is no /{name}; /help lists what there is.")
        command(self, rest.strip())
        return True

    def help(self, _: str) -> None:
        """Say what there is."""
        self.screen.note(HELP)

    def pick(self, rest: str) -> None:
        """Rather one answer than the others."""
        if len(self.answers) < 2:
            raise UsageError("/pick chooses among answers of several models: name two or more.")
        choice: Pick
        if rest == "tie":
            choice = "tie"
        elif rest == "bad":
            choice = "both_bad"
        else:
            choice = self._place(rest)
        self._require_whole(self.answers)
        self.memory.prefer(self.asked, self.answers, choice)
        self.num_said += 1
        if isinstance(choice, int):
            self.chosen = choice
        self.screen.note(f"Noted; going on with {self._name(self.chosen)}.")

    def edit(self, rest: str) -> None:
        """Rather another text than an answer."""
        first, _, text = rest.partition(" ")
        if len(self.answers) == 1 and not first.isdecimal():
            first, text = "1", rest
        place = self._place(first)
        self._require_whole(self.answers[place : place + 1])
        original = self.answers[place].text
        text = text.strip() or self.edit_text(self.edits.get(place, original)).strip()
        if not text or text == original.strip():
            raise UsageError("Nothing was changed; write a text that differs from the answer.")
        self.memory.correct(self.asked, self.answers[place], text)
        self.num_said += 1
        self.chosen, self.edits[place] = place, text
        self.screen.note(f"Noted; going on with your text in the place of {self._name(place)}.")

    def retry(self, _: str) -> None:
        """Ask the same again."""
        if not self.asked or self.asked[-1].role != "user":
            raise UsageError("Nothing was asked yet.")
        self._answer(self.asked)

    def change_system(self, rest: str) -> None:
        """Begin anew under another system message."""
        self.system = rest or None
        self.reset("")

    def reset(self, _: str) -> None:
        """Begin anew."""
        self.asked, self.answers, self.edits, self.chosen = (), (), {}, 0
        self.screen.note(f"A new conversation{' with that system message' if self.system else ''}.")

    def save(self, rest: str) -> None:
        """Write the conversation and the answers beside each other."""
        if not rest:
            raise UsageError("Say where: /save FILE.")
        file = Path(rest).expanduser()
        if file.exists():
            raise UsageError(f"{file} is there already; name another file.")
        if not file.parent.is_dir():
            raise UsageError(f"{file.parent} is no folder; name a file in one.")
        content = {
            "messages": [vars(message) for message in self.messages],
            "answers": [{"model": one.model, "text": one.text} for one in self.answers],
        }
        write_text(file, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
        self.screen.note(f"Saved to {file}.")

    def _place(self, number: str) -> int:
        if not self.answers:
            raise UsageError("There is no answer yet.")
        if not number.isdecimal() or not 1 <= int(number) <= len(self.answers):
            raise UsageError(f"Give the number of an answer, 1 to {len(self.answers)}.")
        return int(number) - 1

    def _name(self, place: int) -> str:
        return f"{place + 1} ({self.answers[place].model})"

    def _require_whole(self, answers: tuple[Answered, ...]) -> None:
        if any(one.is_stopped for one in answers):
            raise DataError("You stopped an answer, so nothing is judged by it; /retry asks again.")


_COMMANDS: dict[str, Callable[[Dialogue, str], None]] = {
    "help": Dialogue.help,
    "pick": Dialogue.pick,
    "edit": Dialogue.edit,
    "retry": Dialogue.retry,
    "system": Dialogue.change_system,
    "reset": Dialogue.reset,
    "save": Dialogue.save,
}
