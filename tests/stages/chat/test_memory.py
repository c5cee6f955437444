"""What is picked and edited becomes judgments: here, or on the server that answered."""

import pytest

from rather.config.stages import Chat
from rather.records import Message
from rather.stages.chat.answers import Answered
from rather.stages.chat.memory import ServerMemory, StoreMemory
from rather.stages.chat.remote import remote_speakers
from rather.stages.chat.server import server_at
from rather.store import completions, judgments, prompts
from rather.store.database import Database
from rather.store.use import reactions

ASKED = (Message("system", "Be brief."), Message("user", "Why?"))
ANSWERS = (
    Answered("base", "So.", 2, False, seed=7),
    Answered("ppo-1", "Thus it is.", 4, True, seed=7),
)


def test_a_pick_is_a_judgment_of_the_playground(db: Database) -> None:
    memory = StoreMemory(db, Chat(temperature=0.3))
    memory.prefer(ASKED, ANSWERS, 1)
    (judgment,) = judgments.live(db)
    assert (judgment.kind, judgment.source, judgment.labeller_id) == ("pair", "playground", "owner")
    assert judgment.answer["choice"] == "B"
    (prompt,) = prompts.all(db)
    assert (prompt.messages, prompt.source, prompt.is_asked) == (ASKED, "playground", False)
    base, tuned = completions.all(db)
    assert (base.text, base.model, base.seed, base.finish_reason) == ("So.", "base", 7, "stop")
    assert (tuned.finish_reason, tuned.num_tokens) == ("length", 4)
    assert base.sampling["temperature"] == 0.3 and not base.is_asked_about


def test_the_last_pick_counts(db: Database) -> None:
    memory = StoreMemory(db, Chat())
    memory.prefer(ASKED, ANSWERS, 0)
    memory.prefer(ASKED, ANSWERS, "tie")
    assert [one.answer["choice"] for one in judgments.live(db)] == ["tie"]
    assert len(completions.all(db)) == 2


def test_an_edit_is_a_correction(db: Database) -> None:
    StoreMemory(db, Chat()).correct(ASKED, ANSWERS[0], "So it is.")
    (judgment,) = judgments.live(db)
    assert (judgment.kind, judgment.answer["text"]) == ("correction", "So it is.")
    assert len(completions.all(db)) == 1  # nothing else is stored


@pytest.mark.parametrize(("has_consent", "number"), [(True, 2), (False, 0)])
def test_a_server_is_told(db: Database, served: str, has_consent: bool, number: int) -> None:
    server = server_at(served)
    answers = remote_speakers(server, ["base", "ppo-2"], Chat(), 0).answer(
        ASKED, 0, lambda place, text: None
    )
    memory = ServerMemory(server, has_consent)
    assert ("may learn" in memory.where) == has_consent
    memory.prefer(ASKED, answers, 1)
    memory.correct(ASKED, answers[0], "So it is.")
    assert [(one.kind, one.has_consent) for one in reactions.all(db)] == [
        ("pair", has_consent),
        ("correction", has_consent),
    ]
    assert len(judgments.live(db)) == number
