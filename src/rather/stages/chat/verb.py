"""`chat`: a conversation in the terminal, or one message answered."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rather.config.stages import Config
from rather.errors import UsageError
from rather.progress import Progress
from rather.records import Message
from rather.stages.chat.answers import Answered, Memory, Speakers
from rather.stages.chat.dialogue import Dialogue
from rather.stages.chat.local import local_speakers
from rather.stages.chat.memory import ServerMemory, StoreMemory
from rather.stages.chat.remote import remote_speakers
from rather.stages.chat.screen import harmless, screen_for
from rather.stages.chat.server import server_at
from rather.workspace import Workspace

Result = dict[str, Any]


def chat(ws: Workspace, models: Sequence[str], prompt: str | None) -> Result:
    """Talk with models of the workspace; with a prompt, answer it and end."""
    speakers = local_speakers(ws, models)
    memory = StoreMemory(ws.db, ws.config.chat)
    return _Chat(speakers, memory, ws.config.chat.system, ws.progress).run(prompt)


def chat_at(
    url: str, config: Config, models: Sequence[str], prompt: str | None, *, consent: bool
) -> Result:
    """Talk with models of a running server, to which picks and edits go."""
    server = server_at(url)
    speakers = remote_speakers(server, models, config.chat, config.seed)
    memory = ServerMemory(server, consent)
    return _Chat(speakers, memory, config.chat.system, Progress()).run(prompt)


@dataclass(frozen=True)
class _Chat:
    speakers: Speakers
    memory: Memory
    system: str | None
    progress: Progress

    def run(self, prompt: str | None) -> Result:
        """One message, or a conversation until the person ends it."""
        return self._talk() if prompt is None else self._answer(prompt)

    def _answer(self, prompt: str) -> Result:
        said = [Message("system", self.system)] if self.system else []
        asked = [*said, Message("user", prompt)]
        with self.progress.track("answering", None, "pieces") as task:
            answers = self.speakers.answer(asked, 0, lambda *_: task.advance())
        if any(one.is_stopped for one in answers):
            raise KeyboardInterrupt
        named = zip(self.speakers.names, answers, strict=True)
        replies = {name: one.text for name, one in named}
        return {
            "summary": f"{len(answers)} answer(s).",
            "text": _page(answers),
            "replies": replies,
            "answers": [_facts(one) for one in answers],
        }

    def _talk(self) -> Result:
        screen = screen_for(len(self.speakers.names))
        dialogue = Dialogue(self.speakers, self.memory, screen, edited, self.system)
        names = ", ".join(self.speakers.names)
        screen.note(f"Talking with {names}. /help lists what you can do. {self.memory.where}")
        _edit_lines()
        while (line := _next_line(screen.note)) is not None and dialogue.take(line):
            pass
        said = f"{dialogue.num_turns} turn(s), {dialogue.num_said} pick(s) and edit(s)."
        return {"summary": said, "turns": dialogue.num_turns, "judgments": dialogue.num_said}


def edited(text: str) -> str:
    """A text after the person's editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise UsageError("Write the text behind the number (/edit 1 TEXT), or set $EDITOR.")
    with tempfile.TemporaryDirectory(prefix="rather-") as folder:
        file = Path(folder) / "answer.txt"
        file.write_text(text, "utf-8")
        try:
            ended = subprocess.run([*shlex.split(editor), str(file)], check=False)
        except OSError as error:
            raise UsageError(f"$EDITOR ({editor}) cannot be started: {error.strerror}.") from None
        if ended.returncode != 0:
            raise UsageError(f"$EDITOR ended with {ended.returncode}; nothing was changed.")
        return file.read_text("utf-8")


def _edit_lines() -> None:
    """Let the person edit the line and go back to earlier ones, where Python can."""
    with suppress(ImportError):  # Windows has none
        import readline  # noqa: F401 (only a person at a terminal needs it)


def _next_line(note: Callable[[str], None]) -> str | None:
    """The next line a person types; None at the end of the input."""
    try:
        return input("\nyou: ")
    except EOFError:
        note("")
        return None
    except KeyboardInterrupt:
        note("\nCtrl-D or /quit ends the chat.")
        return ""


def _page(answers: Sequence[Answered]) -> str:
    if len(answers) == 1:
        return harmless(answers[0].text)
    return "\n\n".join(f"{harmless(one.model)}: {harmless(one.text)}" for one in answers)


def _facts(answer: Answered) -> Result:
    return {
        "model": answer.model,
        "text": answer.text,
        "num_tokens": answer.num_tokens,
        "finish_reason": "length" if answer.is_cut_off else "stop",
        "id": answer.id or None,
    }
