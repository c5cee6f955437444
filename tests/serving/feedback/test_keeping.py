"""What is kept of what was served: nothing, who and when, or redacted texts; never who asked."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rather.errors import EnvironmentFault
from rather.feedback.use import redaction
from rather.feedback.use.records import KeptAnswer
from rather.records import Message
from rather.serving.feedback.joining import FromUse
from rather.store.database import Database
from rather.store.use import served
from rather.store.use.tables import SERVED
from tests.serving.feedback.conftest import KEPT, Parrot, chat

Serve = Callable[..., tuple[TestClient, FromUse]]


def kept(db: Database) -> list[KeptAnswer]:
    with db.read() as connection:
        ids = connection.scalars(SERVED.select().with_only_columns(SERVED.c.id)).all()
    return list(served.get_many(db, ids, "").values())


def test_texts_are_kept_redacted(db: Database, api: TestClient, parrot: Parrot) -> None:
    parrot.says = "Write to bob@example.org."
    reply = chat(api, "I am ann@example.org, why?", temperature=0.5, max_tokens=9, seed=3)
    (one,) = kept(db)
    assert (one.id, one.asked, one.model) == (reply["id"], "prod", "ppo-1")
    assert one.messages == (Message("user", "I am [email], why?"),)
    assert one.text is not None and one.text.endswith("Write to [email].")
    assert "example.org" in reply["choices"][0]["message"]["content"]  # the client has it as it was
    assert one.redactions == {"email": 2}
    assert one.sampling == {"temperature": 0.5, "top_p": 1.0, "max_new_tokens": 9}
    assert (one.finish_reason, one.num_tokens) == ("stop", 5)
    assert one.client.startswith("use_") and "testclient" not in one.client


def test_of_several_each_has_a_name(db: Database, api: TestClient) -> None:
    reply = chat(api, n=2)
    assert [one.id for one in kept(db)] == [f"{reply['id']}-0", f"{reply['id']}-1"]
    assert len({one.question for one in kept(db)}) == 1
    chat(api, "How?")
    assert len({one.question for one in kept(db)}) == 2


def test_a_stream_is_kept_when_it_has_ended(db: Database, api: TestClient) -> None:
    body = {"model": "base", "messages": [{"role": "user", "content": "Why?"}], "stream": True}
    with api.stream("POST", "/v1/chat/completions", json=body) as reply:
        assert reply.read().endswith(b"[DONE]\n\n")
    (one,) = kept(db)
    assert (one.model, one.num_tokens) == ("base", 5)


@pytest.mark.parametrize(("keep", "number"), [("none", 0), ("metadata", 1)])
def test_less_is_kept_where_less_is_wanted(
    db: Database, serve: Serve, keep: str, number: int
) -> None:
    chat(serve(**{"serve.keep": keep})[0])
    found = kept(db)
    assert [(one.messages, one.text) for one in found] == [((), None)] * number


def test_by_default_users_words_stay_with_them(db: Database, serve: Serve) -> None:
    chat(serve()[0], "my secret question")
    with db.read() as connection:
        (row,) = connection.execute(SERVED.select()).all()
    assert "secret" not in str(row)


def test_a_raw_text_is_no_conversation(db: Database, api: TestClient) -> None:
    assert api.post("/v1/completions", json={"model": "base", "prompt": "Once"}).status_code == 200
    (one,) = kept(db)
    assert (one.messages, one.text) == ((), None)


def test_what_cannot_be_checked_in_time_is_not_kept(
    db: Database, serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(redaction, "MAX_SECONDS", 0.05)
    patterns = {"serve.redact_patterns": [r"(a|aa)+(?:b|c)(?<=x)"]}
    api, use = serve(**KEPT, **patterns)
    with caplog.at_level(logging.ERROR):
        chat(api, "a" * 60)
    (one,) = kept(db)
    assert (one.messages, one.text) == ((), None)
    assert use.keeper.lost == {"redaction took too long": 1}
    assert "not kept" in caplog.text


def test_a_store_that_fails_does_not_cost_the_answer(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> int:
        raise EnvironmentFault("The disk is full.")

    monkeypatch.setattr(served, "add", full)
    api, use = serve(**KEPT)
    with caplog.at_level(logging.ERROR):
        assert chat(api)["choices"]
    assert use.keeper.lost == {"not stored": 1}
    assert "The disk is full" in caplog.text


def test_a_nul_does_not_stop_it(db: Database, api: TestClient, parrot: Parrot) -> None:
    parrot.says = "a\x00b"
    chat(api)
    assert (kept(db)[0].text or "").endswith("a\ufffdb")
