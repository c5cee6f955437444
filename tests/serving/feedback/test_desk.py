"""Feedback on what was served: judgments where users agree, counts where they do not."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rather.data.collected import Collected
from rather.data.consent import consented
from rather.feedback.learning import comparisons, demonstrations
from rather.feedback.use import redaction
from rather.records import Message
from rather.serving.feedback.contract import ThumbSaid
from rather.serving.feedback.desk import Desk
from rather.serving.feedback.joining import FromUse
from rather.store import completions, judgments, labellers, prompts
from rather.store.database import Database
from rather.store.use import reactions, served
from rather.web.replies import Refusal
from tests.serving.feedback.conftest import KEPT, Parrot, chat

Serve = Callable[..., tuple[TestClient, FromUse]]
DAY = 86_400


def say(api: TestClient, kind: str, *ids: str, status: int = 200, **more: Any) -> dict[str, Any]:
    body = {"kind": kind, "completion_ids": list(ids), **more}
    reply = api.post("/v1/feedback", json=body)
    assert reply.status_code == status, reply.text
    found: dict[str, Any] = reply.json()
    return found


def two(api: TestClient) -> list[str]:
    """Answers of two versions to one question."""
    return [chat(api, model=model)["id"] for model in ("ppo-1", "ppo-2")]


def test_a_thumb_with_consent_is_a_judgment(db: Database, api: TestClient) -> None:
    id = chat(api)["id"]
    reply = say(api, "thumb", id, good=True, consent=True, comment="Ask bob@example.org.")
    (judgment,) = judgments.live(db)
    assert reply == {
        "id": reactions.all(db)[0].id,
        "object": "feedback",
        "models": ["ppo-1"],
        "judgment_id": judgment.id,
        "reason": None,
        "replayed": False,
    }
    (prompt,), (answer,), (client,) = prompts.all(db), completions.all(db), labellers.all(db)
    assert (prompt.messages, prompt.split, prompt.source) == (
        (Message("user", "Why?"),),
        "train",
        "use",
    )
    assert not prompt.is_asked and not answer.is_asked_about
    assert (judgment.kind, judgment.source, judgment.comment) == ("thumb", "use", "Ask [email].")
    assert judgment.answer == {"completion_id": answer.id, "good": True}
    assert (judgment.labeller_id, judgment.is_simulated) == (client.id, False)
    assert judgment.has_consent
    assert client.name.startswith("client ")


def test_without_consent_it_is_only_counted(db: Database, api: TestClient) -> None:
    reply = say(api, "thumb", chat(api)["id"], good=False)
    assert (reply["judgment_id"], reply["reason"]) == (None, "no_consent")
    (one,) = reactions.all(db)
    assert (one.models, one.ranks, one.has_consent) == (("ppo-1",), (2,), False)
    assert (judgments.all(db), prompts.all(db), labellers.all(db)) == ([], [], [])


def test_without_texts_it_is_only_counted(db: Database, serve: Serve) -> None:
    api, _ = serve()
    reply = say(api, "preferred", *two(api), choice=1, consent=True)
    assert (reply["judgment_id"], reply["reason"]) == (None, "texts_not_kept")
    assert reactions.all(db)[0].ranks == (2, 1)
    reply = say(api, "correction", chat(api)["id"], text="So.", consent=True, status=409)
    assert reply["error"]["code"] == "texts_not_kept"


def test_where_nothing_is_kept_nothing_is_known(serve: Serve) -> None:
    api, _ = serve(**{"serve.keep": "none"})
    reply = say(api, "thumb", chat(api)["id"], good=True, status=404)
    assert reply["error"]["code"] == "unknown_completion"


@pytest.mark.parametrize(
    ("choice", "kept", "ranks"),
    [(0, "A", (1, 2)), (1, "B", (2, 1)), ("tie", "tie", (1, 1)), ("both_bad", "both_bad", (2, 2))],
)
def test_the_preferred_of_two_is_learnt(
    db: Database, api: TestClient, choice: Any, kept: str, ranks: tuple[int, int]
) -> None:
    reply = say(api, "preferred", *two(api), choice=choice, consent=True)
    assert reply["models"] == ["ppo-1", "ppo-2"]
    (judgment,) = judgments.live(db)
    assert (judgment.kind, judgment.answer["choice"]) == ("pair", kept)
    assert (reactions.all(db)[0].kind, reactions.all(db)[0].ranks) == ("pair", ranks)
    found, _ = comparisons(judgments.live(db), prompts.all(db), completions.all(db), "train")
    assert [one.ranks for one in found] == ([] if kept == "both_bad" else [ranks])


def test_of_more_it_is_a_ranking(db: Database, api: TestClient) -> None:
    reply = chat(api, n=3)
    ids = [f"{reply['id']}-{number}" for number in range(3)]
    say(api, "preferred", *ids, choice=2, consent=True)
    (judgment,) = judgments.live(db)
    assert (judgment.kind, judgment.answer["ranks"]) == ("ranking", [2, 2, 1])
    assert reactions.all(db)[0].kind == "ranking"


def test_a_correction_shows_how(db: Database, api: TestClient) -> None:
    say(api, "correction", chat(api)["id"], text="Ask ann@example.org.", consent=True)
    live = judgments.live(db)
    found, _ = demonstrations(live, prompts.all(db), completions.all(db), "train")
    assert [one.completion for one in found] == ["Ask [email]."]
    assert reactions.all(db)[0].ranks == ()


def test_an_unchanged_correction_is_refused(db: Database, api: TestClient, parrot: Parrot) -> None:
    reply = chat(api, seed=1)
    text = reply["choices"][0]["message"]["content"]
    for same in (text, "  "):
        refused = say(api, "correction", reply["id"], text=same, consent=True, status=400)
        assert refused["error"]["code"] == "unchanged"
    assert reactions.all(db) == []


def test_the_same_is_said_once(db: Database, api: TestClient) -> None:
    id = chat(api)["id"]
    first = say(api, "thumb", id, good=True, consent=True)
    assert say(api, "thumb", id, good=True, consent=True) == first | {"replayed": True}
    keyed = say(api, "thumb", id, good=False, consent=True, idempotency_key="key-00001")
    again = say(api, "thumb", id, good=False, consent=True, idempotency_key="key-00001")
    assert again == keyed | {"replayed": True}
    assert len(judgments.all(db)) == 2
    assert [one.answer["good"] for one in judgments.live(db)] == [False]
    other = say(api, "thumb", id, good=True, idempotency_key="key-00001", status=409)
    assert other["error"]["code"] == "key_reused"


def test_of_many_at_once_with_one_key_one_is_stored(db: Database, serve: Serve) -> None:
    api, use = serve(**KEPT)
    said = ThumbSaid(kind="thumb", completion_ids=[chat(api)["id"]], good=True, consent=True)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: use.desk.take("testclient", said), range(16)))
    assert len({reply.id for reply in replies}) == 1
    assert sorted(reply.replayed for reply in replies) == [False] + [True] * 15
    assert len(judgments.all(db)) == len(reactions.all(db)) == 1


def test_consent_can_be_taken_back(db: Database, api: TestClient) -> None:
    id = chat(api)["id"]
    say(api, "thumb", id, good=True, consent=True)
    assert say(api, "thumb", id, good=True, consent=False)["reason"] == "no_consent"
    assert judgments.live(db) == []
    again = say(api, "thumb", id, good=True, consent=True)  # and given anew
    assert not again["replayed"]
    assert [one.id for one in judgments.live(db)] == [again["judgment_id"]]


def test_nobody_speaks_of_what_others_were_served(db: Database, api: TestClient) -> None:
    given = served.get_many(db, [chat(api)["id"]], "").popitem()[1]
    stranger = {**vars(given), "id": "chatcmpl-theirs", "client": "use_other"}
    served.add(db, [type(given)(**stranger)])
    reply = say(api, "thumb", "chatcmpl-theirs", good=True, status=404)
    assert reply["error"]["code"] == "unknown_completion"


def test_what_is_too_old_is_unknown(serve: Serve) -> None:
    api, use = serve(**KEPT, **{"serve.keep_days": 2})
    said = ThumbSaid(kind="thumb", completion_ids=[chat(api)["id"]], good=True)
    later = Desk(use.keeper, now=lambda: time.time() + 3 * DAY)
    with pytest.raises(Refusal, match="may be too old") as refused:
        later.take("testclient", said)
    assert refused.value.status == 404
    use.desk.take("testclient", said)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "thumb", "completion_ids": ["x"], "good": "yes"}, "invalid"),
        ({"kind": "thumb", "completion_ids": ["x", "y"], "good": True}, "invalid"),
        ({"kind": "thumb", "completion_ids": [], "good": True}, "invalid"),
        ({"kind": "thumb", "completion_ids": ["../x"], "good": True}, "invalid"),
        ({"kind": "thumb", "completion_ids": ["x"]}, "invalid"),
        ({"kind": "preferred", "completion_ids": ["x"], "choice": 0}, "invalid"),
        ({"kind": "preferred", "completion_ids": ["x", "y"], "choice": True}, "invalid"),
        ({"kind": "preferred", "completion_ids": ["x", "x"], "choice": 0}, "invalid"),
        ({"kind": "correction", "completion_ids": ["x"], "text": ""}, "invalid"),
        ({"kind": "shout", "completion_ids": ["x"]}, "invalid"),
        (
            {"kind": "thumb", "completion_ids": ["x"], "good": True, "labeller": "ann"},
            "unsupported",
        ),
        ({"kind": "thumb", "completion_ids": ["x"], "good": True, "consent": "yes"}, "invalid"),
    ],
)
def test_what_says_it_wrongly_is_refused(api: TestClient, body: dict[str, Any], code: str) -> None:
    reply = api.post("/v1/feedback", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, code)


def test_only_answers_to_the_same_are_compared(db: Database, api: TestClient) -> None:
    ids = [chat(api, text)["id"] for text in ("Why?", "How?")]
    say(api, "preferred", *ids, choice=0, status=400)
    one, other = two(api)
    assert say(api, "preferred", one, other, choice=2, status=400)["error"]["message"] == (
        "choice: There is no answer of that number."
    )
    same = [chat(api, seed=5)["id"] for _ in range(2)]
    assert say(api, "preferred", *same, choice=0, status=400)["error"]["code"] == "same"
    assert reactions.all(db) == []


def test_a_text_that_cannot_be_checked_is_refused(
    db: Database, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, _ = serve(**KEPT, **{"serve.redact_patterns": [r"(a|aa)+(?:b|c)(?<=x)"]})
    id = chat(api)["id"]
    monkeypatch.setattr(redaction, "MAX_SECONDS", 0.05)
    reply = say(api, "correction", id, text="a" * 60, consent=True, status=400)
    assert reply["error"]["code"] == "too_slow"
    assert reactions.all(db) == []


def test_consent_that_is_taken_back_is_on_record_and_nothing_is_handed_on(
    db: Database, api: TestClient
) -> None:
    id = chat(api)["id"]
    say(api, "correction", id, text="So.", consent=True)
    say(api, "correction", id, text="So.", consent=False)
    given, taken = judgments.all(db)
    assert (given.source, given.has_consent, given.is_retraction) == ("use", True, False)
    assert (taken.source, taken.has_consent, taken.is_retraction) == ("use", False, True)
    everything = Collected(
        tuple(prompts.all(db)), tuple(completions.all(db)), tuple(labellers.all(db)), (given, taken)
    )
    left, dropped = consented(everything)
    assert left == Collected()
    assert dropped.counts == {"consent to it was taken back": 2}
