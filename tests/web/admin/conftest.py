"""A workspace with an admin and two labellers, and a team that judges without a browser."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from rather.config.labelling import Labelling
from rather.config.stages import Config
from rather.feedback.answer import Answer
from rather.feedback.events import Circumstances, new_judgment
from rather.feedback.items import item_name, opaque_id
from rather.records import Assignment, Completion, Judgment, Kind, Labeller, Message, Prompt, Remark
from rather.store import assignments, completions, judgments, labellers, prompts, remarks
from rather.store.database import Database
from rather.web.app import create_app

SECRET = b"a secret of a test, 32 bytes long"
PEOPLE = {
    "ada": Labeller("ada", "Ada", False, "admin"),
    "ann": Labeller("ann", "Ann", False),
    "bob": Labeller("bob", "Bob", False),
    "cem": Labeller("cem", "Cem", False),
    "sim": Labeller("sim:x", "x (simulated)", True),
}
NUM_PROMPTS = 8


class Team:
    """Says things about items as the labelling page would store them."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._keys = count()

    def says(self, who: str, answer: Answer, prompt_id: str, **how: Any) -> Judgment:
        """One judgment; `how` are circumstances."""
        given = Circumstances(idempotency_key=f"key-{next(self._keys)}", **how)
        judgment = new_judgment(prompt_id, PEOPLE[who], answer, given)
        return judgments.record(self.db, judgment)[0]

    def remarks(self, who: str, what: Any, item: str, supersedes: str | None = None) -> Remark:
        """One skip, flag, withdrawal or decision."""
        key = f"remark-{next(self._keys)}"
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        remark = Remark(key, what, item, PEOPLE[who].id, "too_hard", "", now, key, supersedes)
        return remarks.record(self.db, remark)[0]

    def sees(self, who: str, item: str, prompt_id: str, order: tuple[str, ...], **how: Any) -> None:
        """Who was shown what in which order."""
        purpose, kind = how.get("purpose", "work"), how.get("kind", "pair")
        shown = Assignment(item, PEOPLE[who].id, purpose, kind, prompt_id, order, "2026", "2027")
        self.db.write(lambda connection: assignments.add(connection, shown))


@pytest.fixture
def db(any_db: Database) -> Database:
    """Eight prompts of two answers each: c<n>a says a, c<n>b says b."""
    labellers.add(any_db, PEOPLE.values())
    asked = [
        Prompt(f"p{n}", (Message("user", f"Question {n}?"),), "train", tags=("easy",))
        for n in range(NUM_PROMPTS)
    ]
    prompts.add(any_db, asked)
    given = [
        Completion(f"c{n}{side}", f"p{n}", f"Answer {side} to {n}.", "sft-1",
                   {"temperature": 0.7}, num_tokens=5)
        for n in range(NUM_PROMPTS)
        for side in "ab"
    ]  # fmt: skip
    completions.add(any_db, given)
    return any_db


@pytest.fixture
def team(db: Database) -> Team:
    return Team(db)


@pytest.fixture
def new_app(db: Database, tmp_path: Path) -> Callable[..., FastAPI]:
    """Starts a server whose `label` section has these settings."""

    def make(**label: Any) -> FastAPI:
        config = Config(label=Labelling(**label))
        return create_app(db, config, "mine", secret=SECRET, static=tmp_path / "none")

    return make


@pytest.fixture
def app(new_app: Callable[..., FastAPI]) -> FastAPI:
    return new_app()


@pytest.fixture
def ada(app: FastAPI, browser: Callable[..., TestClient]) -> TestClient:
    """The admin's browser."""
    return browser(app, "ada")


@pytest.fixture
def id_of() -> Callable[..., str]:
    """What browsers call an item."""

    def name(kind: Kind, prompt_id: str, *ids: str) -> str:
        return opaque_id(SECRET, item_name(kind, prompt_id, ids))

    return name
