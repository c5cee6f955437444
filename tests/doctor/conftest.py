"""Small workspaces on the tiny model, and one way to look at them: a check by its name."""

import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rather.data.identity import completion_id, prompt_id
from rather.doctor.examination import CHECKS
from rather.doctor.finding import Finding
from rather.doctor.patient import Patient
from rather.feedback.events import new_judgment
from rather.feedback.pair import Pair
from rather.progress import Progress
from rather.records import Completion, Labeller, Message, Prompt
from rather.stages import reinforcing, tuning
from rather.store import completions, judgments, labellers, prompts
from rather.workspace import Workspace

ANN = Labeller("ann", "Ann", is_simulated=False)
SMALL = {"rank": 4, "alpha": 8.0}
SETTINGS: dict[str, Any] = {
    "dtype": "float32",
    "ppo": {"max_new_tokens": 8, "adapter": SMALL},
    "sft": {"adapter": SMALL},
    "reward": {"adapter": SMALL},
}


@pytest.fixture
def new_ws(
    tmp_path: Path, tiny_model: Path, create_workspace: Callable[..., Workspace]
) -> Iterator[Callable[..., Workspace]]:
    """Empty workspaces on the tiny model; they differ by name and settings."""
    made: list[Workspace] = []

    def make(name: str = "mine", **settings: Any) -> Workspace:
        together = {"model": str(tiny_model), **SETTINGS, **settings}
        made.append(create_workspace(tmp_path / name, together, Progress(quiet=True)))
        return made[-1]

    yield make
    for workspace in made:
        workspace.close()


@pytest.fixture
def ws(new_ws: Callable[..., Workspace]) -> Workspace:
    return new_ws()


@pytest.fixture
def ask() -> Callable[..., Prompt]:
    """Stores a prompt of one user turn."""

    def store(ws: Workspace, text: str, split: str = "train", is_text: bool = False) -> Prompt:
        messages = (Message("user", text),)
        prompt = Prompt(prompt_id(messages), messages, split, is_text)  # type: ignore[arg-type]
        prompts.add(ws.db, [prompt])
        return prompt

    return store


@pytest.fixture
def prefer() -> Callable[..., None]:
    """Stores the judgment that one text is the better answer of two."""

    def store(ws: Workspace, prompt: Prompt, better: str, worse: str) -> None:
        pair = [_answer(prompt, text) for text in (better, worse)]
        completions.add(ws.db, pair)
        labellers.add(ws.db, [ANN])
        given = new_judgment(prompt.id, ANN, Pair(pair[0].id, pair[1].id, "A"))
        judgments.record(ws.db, given)

    return store


def _answer(prompt: Prompt, text: str, cut_off: bool = False) -> Completion:
    id = completion_id(prompt.id, "base", {}, 0, text)
    reason = "length" if cut_off else "stop"
    return Completion(id, prompt.id, text, "base", finish_reason=reason)  # type: ignore[arg-type]


@pytest.fixture
def answer() -> Callable[..., None]:
    """Stores an answer nobody has judged."""

    def store(ws: Workspace, prompt: Prompt, text: str, cut_off: bool = False) -> None:
        completions.add(ws.db, [_answer(prompt, text, cut_off)])

    return store


@pytest.fixture
def judged_ws(ws: Workspace, ask: Callable[..., Prompt], prefer: Callable[..., None]) -> Workspace:
    """Six training prompts and two held out, each with one comparison."""
    fill(ws, ask, prefer)
    return ws


@pytest.fixture
def new_judged_ws(
    new_ws: Callable[..., Workspace], ask: Callable[..., Prompt], prefer: Callable[..., None]
) -> Callable[..., Workspace]:
    """Like `new_ws`, with the comparisons of `judged_ws`."""

    def make(name: str = "mine", **settings: Any) -> Workspace:
        made = new_ws(name, **settings)
        fill(made, ask, prefer)
        return made

    return make


def fill(ws: Workspace, ask: Callable[..., Prompt], prefer: Callable[..., None]) -> None:
    for number in range(8):
        prompt = ask(ws, f"Question {number}?", "train" if number < 6 else "heldout")
        prefer(ws, prompt, f"Please, the {number}.", f"No, {number}!")


@pytest.fixture
def trained() -> Callable[..., str]:
    """Trains a stage and gives the version's name."""

    def train(ws: Workspace, stage: str) -> str:
        if stage == "ppo":  # eight judgments make no reward model that PPO would accept
            result = reinforcing.ppo(ws, dry_run=False, fresh=False, force=True)
        else:
            result = getattr(tuning, stage)(ws, dry_run=False, fresh=False)
        return str(result["version"])

    return train


@pytest.fixture
def look() -> Callable[[Workspace, str], Finding]:
    """What a check finds in a workspace."""
    checks = {check.name: check for check in CHECKS}
    return lambda ws, name: checks[name].look(Patient(ws))


@pytest.fixture
def model_with(tiny_model: Path, tiny_tokenizer: Any, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the tiny model whose tokenizer has some attributes changed, or tokens added."""

    def make(added: Sequence[str] = (), **changes: Any) -> Path:
        folder = tmp_path / "changed"
        folder.mkdir()
        for file in tiny_model.iterdir():
            if not file.name.startswith(("tokenizer", "chat_template", "special_tokens")):
                (folder / file.name).write_bytes(file.read_bytes())
        tokenizer = copy.deepcopy(tiny_tokenizer)
        tokenizer.add_tokens(list(added))
        for name, value in changes.items():
            setattr(tokenizer, name, value)
        tokenizer.save_pretrained(folder)
        return folder

    return make
