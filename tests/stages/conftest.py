"""Tiny workspaces: eleven prompts, and what people might have said about their answers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rather.data.identity import completion_id, prompt_id
from rather.feedback.demonstration import Demonstration
from rather.feedback.events import new_judgment
from rather.feedback.pair import Pair
from rather.progress import Progress
from rather.records import Completion, Labeller, Message, Prompt
from rather.store import completions, judgments, labellers, prompts
from rather.workspace import Workspace

ANN = Labeller("ann", "Ann", is_simulated=False)
NUM_TRAIN, NUM_HELDOUT = 8, 3
SMALL = {"rank": 4, "alpha": 8.0}
SETTINGS = {
    "dtype": "float32",
    "sample": {"num_completions": 3, "max_new_tokens": 8},
    "evaluate": {"max_new_tokens": 8},
    "sft": {"batch_size": 4, "checkpoint_every": 1, "adapter": SMALL},
    "dpo": {"batch_size": 4, "checkpoint_every": 1, "adapter": SMALL},
    "reward": {"batch_size": 4, "checkpoint_every": 1, "adapter": SMALL},
    "ppo": {
        "batch_size": 3,
        "num_completions": 2,
        "num_steps": 3,
        "max_new_tokens": 6,
        "checkpoint_every": 1,
        "adapter": SMALL,
    },
}


def asked(number: int) -> Prompt:
    """The first eight are for training."""
    messages = (Message("user", f"Question {number}?"),)
    split = "train" if number < NUM_TRAIN else "heldout"
    return Prompt(prompt_id(messages), messages, split)  # type: ignore[arg-type]


PROMPTS = [asked(number) for number in range(NUM_TRAIN + NUM_HELDOUT)]


@pytest.fixture
def new_ws(
    tmp_path: Path, tiny_model: Path, create_workspace: Callable[..., Workspace]
) -> Iterator[Callable[..., Workspace]]:
    """Workspaces on the tiny model with the eleven prompts; they differ by name and settings."""
    made: list[Workspace] = []

    def make(name: str = "mine", **settings: Any) -> Workspace:
        together = {"model": str(tiny_model), **SETTINGS, **settings}
        made.append(create_workspace(tmp_path / name, together, Progress(quiet=True)))
        prompts.add(made[-1].db, PROMPTS)
        return made[-1]

    yield make
    for workspace in made:
        workspace.close()


@pytest.fixture
def ws(new_ws: Callable[..., Workspace]) -> Workspace:
    return new_ws()


def answer_of(prompt: Prompt, text: str, model: str = "base") -> Completion:
    return Completion(completion_id(prompt.id, model, {}, 0, text), prompt.id, text, model)


def judge(workspace: Workspace) -> None:
    """Ann prefers the polite answer of every prompt, and shows what she would have written."""
    labellers.add(workspace.db, [ANN])
    for number, prompt in enumerate(PROMPTS):
        polite = answer_of(prompt, f"Please, the {number}.")
        rude = answer_of(prompt, f"No way, {number}!")
        completions.add(workspace.db, [polite, rude])
        is_swapped = number % 2 == 1
        left, right = (rude, polite) if is_swapped else (polite, rude)
        pair = Pair(left.id, right.id, "B" if is_swapped else "A")
        shown = Demonstration(f"Thank you for the question {number}.")
        judgments.record_many(
            workspace.db,
            [new_judgment(prompt.id, ANN, answer) for answer in (pair, shown)],
        )


@pytest.fixture
def judged_ws(ws: Workspace) -> Workspace:
    """The workspace with one pair and one demonstration a prompt."""
    judge(ws)
    return ws


@pytest.fixture
def new_judged_ws(new_ws: Callable[..., Workspace]) -> Callable[..., Workspace]:
    """Like `new_ws`, with Ann's judgments."""

    def make(name: str = "mine", **settings: Any) -> Workspace:
        made = new_ws(name, **settings)
        judge(made)
        return made

    return make
