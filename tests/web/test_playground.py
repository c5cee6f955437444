"""The playground's routes: blind until judged, once a key, and what is said becomes a judgment."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.responses import Response

from rather.data.identity import prompt_id
from rather.errors import DataError, TooLong
from rather.feedback.assignment import askable
from rather.records import Labeller, Message, Prompt
from rather.store import completions, judgments, labellers, prompts
from rather.store.database import Database
from rather.web import playground as routes
from rather.web.replies import Refusal, fault
from rather.web.responder import Answered, Drawing

SECRET = b"a secret of a test, 32 bytes long"
ANN, BOB = Labeller("ann", "Ann", False, "admin"), Labeller("bob", "Bob", False, "admin")
ASK = {
    "messages": [{"role": "user", "content": "Why?"}],
    "models": ["base", "ppo-1"],
    "idempotency_key": "key-of-the-ask",
}
WHERE = "/api/admin/playground"


class Parrot:
    """Says who it is and what it was asked; knows a few ways to fail."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[Message, ...], str, Drawing]] = []
        self.gate = threading.Event()
        self.gate.set()

    def models(self) -> list[str]:
        return ["base", "sft-1", "dpo-1", "ppo-1"]

    def answer(self, messages: Sequence[Message], model: str, drawing: Drawing) -> Answered:
        assert self.gate.wait(10)
        self.asked.append((tuple(messages), model, drawing))
        if messages[-1].content == "long":
            raise TooLong("Prompt p_1 takes 300 tokens.")
        if messages[-1].content == "odd":
            raise DataError("The template refuses it.")
        return Answered(f"I am {model[0]}{model[-1]}, <b>{drawing.seed}</b>", 5, model == "ppo-1")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(tmp_path / "rather.db", create=True) as db:
        labellers.add(db, [ANN, BOB])
        yield db


@pytest.fixture
def parrot() -> Parrot:
    return Parrot()


@pytest.fixture
def page_of(db: Database, parrot: Parrot) -> Callable[..., TestClient]:
    """Browsers of admins, each on a server that has just started."""

    def make(admin: Labeller = ANN, responder: Any = parrot) -> TestClient:
        app = FastAPI()
        app.include_router(routes.router(db, SECRET, responder, lambda: admin))

        def refused(_: Request, error: Exception) -> Response:
            assert isinstance(error, Refusal)
            return fault(error.status, error.message, code=error.code)

        app.add_exception_handler(Refusal, refused)
        return TestClient(app)

    return make


@pytest.fixture
def page(page_of: Callable[..., TestClient]) -> TestClient:
    return page_of()


def ask(page: TestClient, **changed: Any) -> list[dict[str, Any]]:
    reply = page.post(f"{WHERE}/answers", json=ASK | changed)
    assert reply.status_code == 200, reply.text
    columns: list[dict[str, Any]] = reply.json()["columns"]
    return columns


def pick(
    page: TestClient,
    columns: list[dict[str, Any]],
    choice: Any,
    key: str = "key-of-a-pick",
    **more: Any,
) -> Any:
    ids = [column["answer_id"] for column in columns]
    body = {"answer_ids": ids, "choice": choice, "idempotency_key": key, **more}
    return page.post(f"{WHERE}/judgments", json=body)


def test_who_can_be_asked(page: TestClient, page_of: Callable[..., TestClient]) -> None:
    assert page.get(f"{WHERE}/models").json() == {
        "models": ["base", "sft-1", "dpo-1", "ppo-1"],
        "can_answer": True,
        "reason": None,
    }
    nobody = page_of(responder=None)
    reply = nobody.get(f"{WHERE}/models").json()
    assert (reply["models"], reply["can_answer"]) == ([], False)
    assert "PyTorch" in reply["reason"]
    assert nobody.post(f"{WHERE}/answers", json=ASK).status_code == 501


def test_answers_are_shown_and_stored(db: Database, page: TestClient, parrot: Parrot) -> None:
    base, ppo = ask(page, temperature=0.5, max_new_tokens=9)
    assert (base["model"], ppo["model"]) == ("base", "ppo-1")
    assert base["raw"].startswith("I am be, <b>")
    assert "<b>" not in base["html"]
    assert (base["is_cut_off"], ppo["is_cut_off"], base["num_tokens"]) == (False, True, 5)
    assert base["seconds"] >= 0
    asked = (Message("user", "Why?"),)
    (prompt,) = prompts.all(db)
    assert prompt == Prompt(prompt_id(asked), asked, "train", source="playground")
    stored = completions.all(db)
    assert [(one.model, one.text) for one in stored] == [
        ("base", base["raw"]),
        ("ppo-1", ppo["raw"]),
    ]
    assert stored[0].sampling == {
        "temperature": 0.5,
        "top_p": 1.0,
        "max_new_tokens": 9,
        "purpose": "playground",
    }
    assert [one.finish_reason for one in stored] == ["stop", "length"]
    assert [drawing for _, _, drawing in parrot.asked] == [
        Drawing(0.5, 9, one.seed) for one in stored
    ]
    assert stored[0].seed != stored[1].seed
    assert askable(stored) == {}  # nobody is asked about a chat


def test_a_chat_goes_on(page: TestClient, parrot: Parrot) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "So."},
        {"role": "user", "content": "And then?"},
    ]
    ask(page, messages=turns, models=["base"])
    assert parrot.asked[0][0] == tuple(Message(**turn) for turn in turns)


def test_the_same_key_asks_once_also_after_a_restart(
    page: TestClient, page_of: Callable[..., TestClient], parrot: Parrot
) -> None:
    first = ask(page, is_blind=True)
    assert ask(page, is_blind=True) == first
    assert ask(page_of(), is_blind=True) == first
    assert len(parrot.asked) == 2
    other = page.post(f"{WHERE}/answers", json=ASK | {"models": ["base"]})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key_reused")
    # the key of somebody else is another key
    theirs = ask(page_of(BOB), is_blind=True)
    assert {one["answer_id"] for one in theirs} & {one["answer_id"] for one in first} == set()


def test_blind_answers_tell_nothing_until_they_are_judged(page: TestClient) -> None:
    lefts: Counter[str] = Counter()
    for number in range(24):
        models = ["base", "sft-1", "ppo-1"]
        columns = ask(page, is_blind=True, models=models, idempotency_key=f"blind-{number:03}")
        assert [column["model"] for column in columns] == [None] * 3
        assert len({column["answer_id"] for column in columns}) == 3
        for column in columns:
            shown = {name: column[name] for name in column if name not in ("raw", "html", "text")}
            assert not any(model in str(shown) for model in models)
        reply = pick(page, columns, 0, key=f"pick-key-{number:03}")
        named = reply.json()["models"]
        assert sorted(named) == sorted(models)
        said = {"base": "be", "sft-1": "s1", "ppo-1": "p1"}
        for column, model in zip(columns, named, strict=True):
            assert f"I am {said[model]}" in column["raw"]
        lefts[named[0]] += 1
    assert min(lefts.values()) >= 3, lefts  # of 24, eight each on average; the seed is fixed


@pytest.mark.parametrize(
    ("choice", "kept"), [(0, "A"), (1, "B"), ("tie", "tie"), ("both_bad", "both_bad")]
)
def test_of_two_it_is_a_pair(db: Database, page: TestClient, choice: Any, kept: str) -> None:
    columns = ask(page)
    reply = pick(page, columns, choice, comment="Shorter.")
    assert reply.json()["models"] == ["base", "ppo-1"]
    (judgment,) = judgments.all(db)
    assert reply.json()["judgment_id"] == judgment.id
    left, right = completions.all(db)
    assert (judgment.kind, judgment.answer) == (
        "pair",
        {"left_completion_id": left.id, "right_completion_id": right.id, "choice": kept},
    )
    assert (judgment.source, judgment.labeller_id, judgment.comment) == (
        "playground",
        "ann",
        "Shorter.",
    )
    assert judgment.prompt_id == left.prompt_id


@pytest.mark.parametrize(("choice", "ranks"), [(0, [1, 2, 2]), (2, [2, 2, 1]), ("tie", [1, 1, 1])])
def test_of_more_it_is_a_ranking(
    db: Database, page: TestClient, choice: Any, ranks: list[int]
) -> None:
    columns = ask(page, models=["base", "sft-1", "ppo-1"])
    pick(page, columns, choice)
    (judgment,) = judgments.all(db)
    ids = [one.id for one in completions.all(db)]
    assert (judgment.kind, judgment.answer) == ("ranking", {"completion_ids": ids, "ranks": ranks})


def test_what_is_shown_from_the_other_side_is_kept_so(db: Database, page: TestClient) -> None:
    base, ppo = ask(page)
    assert pick(page, [ppo, base], 0).json()["models"] == ["ppo-1", "base"]
    (judgment,) = judgments.all(db)
    by_model = {one.model: one.id for one in completions.all(db)}
    assert judgment.answer["left_completion_id"] == by_model["ppo-1"]
    assert judgment.answer["choice"] == "A"


def test_a_pick_counts_once_and_a_new_one_replaces_it(db: Database, page: TestClient) -> None:
    columns = ask(page)
    first = pick(page, columns, 0)
    assert pick(page, columns, 0).json() == first.json()
    assert pick(page, columns, 1).status_code == 409  # the same key said something else
    assert [one.answer["choice"] for one in judgments.live(db)] == ["A"]
    second = pick(page, columns, 1, key="another-key-1")
    assert second.status_code == 200
    assert [(one.answer["choice"], one.supersedes) for one in judgments.live(db)] == [
        ("B", first.json()["judgment_id"])
    ]
    assert pick(page, columns, 0).json() == first.json()  # a late repeat changes nothing
    assert len(judgments.all(db)) == 2


@pytest.mark.parametrize("choice", [2, -1, 7, "A", None, True])
def test_there_must_be_such_an_answer(page: TestClient, choice: Any) -> None:
    assert pick(page, ask(page), choice).status_code == 422


def test_both_bad_is_said_of_two(page: TestClient) -> None:
    assert pick(page, ask(page, models=["base", "sft-1", "ppo-1"]), "both_bad").status_code == 422


def test_only_answers_shown_together_are_compared(
    page: TestClient, page_of: Callable[..., TestClient]
) -> None:
    one, two = ask(page), ask(page, idempotency_key="another-ask")
    unknown = [{"answer_id": "0" * 26 + "-0"}, {"answer_id": "0" * 26 + "-1"}]
    beyond = [one[0], {"answer_id": one[0]["answer_id"][:-1] + "3"}]
    odd = [{"answer_id": "../../x"}, {"answer_id": ""}]
    for columns in ([one[0], two[1]], [one[0], one[0]], unknown, beyond, odd):
        reply = pick(page, columns, 0)
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_answer")
    # nor what somebody else was shown
    assert pick(page_of(BOB), one, 0).status_code == 404
    assert pick(page_of(), one, 0).status_code == 200  # a restart forgets nothing


def test_an_edit_is_a_correction(db: Database, page: TestClient) -> None:
    _, ppo = ask(page, is_blind=True)
    body = {"answer_id": ppo["answer_id"], "text": "So.", "idempotency_key": "edit-key-1"}
    assert page.post(f"{WHERE}/corrections", json=body).json() == {"replayed": False}
    assert page.post(f"{WHERE}/corrections", json=body).json() == {"replayed": True}
    (judgment,) = judgments.live(db)
    by_text = {one.text: one.id for one in completions.all(db)}
    assert (judgment.kind, judgment.source, judgment.answer) == (
        "correction",
        "playground",
        {"completion_id": by_text[ppo["raw"]], "text": "So."},
    )
    again = body | {"text": "Thus.", "idempotency_key": "edit-key-2"}
    assert page.post(f"{WHERE}/corrections", json=again).status_code == 200
    assert [one.answer["text"] for one in judgments.live(db)] == ["Thus."]
    for text in (" ", ppo["raw"]):
        same = body | {"text": text, "idempotency_key": "edit-key-3"}
        assert page.post(f"{WHERE}/corrections", json=same).status_code == 422


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"messages": []}, 422),
        ({"messages": [{"role": "assistant", "content": "So."}]}, 422),
        ({"messages": [{"role": "user", "content": " "}]}, 422),
        ({"messages": [{"role": "user", "content": "x" * 200_001}]}, 422),
        ({"messages": [{"role": "tool", "content": "x"}]}, 422),
        ({"messages": [{"role": "user", "content": "x"}] * 65}, 422),
        ({"messages": [{"role": "user", "content": "long"}]}, 413),
        ({"messages": [{"role": "user", "content": "odd"}]}, 400),
        ({"models": []}, 422),
        ({"models": ["base"] * 5}, 422),
        ({"models": ["reward-1"]}, 404),
        ({"models": ["../../etc"]}, 404),
        ({"models": ["a b"]}, 422),
        ({"temperature": 2.5}, 422),
        ({"max_new_tokens": 0}, 422),
        ({"idempotency_key": "short"}, 422),
    ],
)
def test_what_cannot_be_asked_leaves_nothing(
    db: Database, page: TestClient, changed: dict[str, Any], status: int
) -> None:
    reply = page.post(f"{WHERE}/answers", json=ASK | changed)
    assert reply.status_code == status, reply.text
    assert prompts.all(db) == []


def test_a_held_out_prompt_stays_held_out(db: Database, page: TestClient) -> None:
    asked = (Message("user", "Why?"),)
    prompts.add(db, [Prompt(prompt_id(asked), asked, "heldout", source="file.jsonl")])
    ask(page)
    (prompt,) = prompts.all(db)
    assert (prompt.split, prompt.source) == ("heldout", "file.jsonl")


def test_one_question_at_a_time_and_eight_in_all(page: TestClient, parrot: Parrot) -> None:
    parrot.gate.clear()
    replies: list[int] = []

    def send(number: int) -> None:
        body = ASK | {"models": ["base"], "idempotency_key": f"waiting-{number}"}
        replies.append(page.post(f"{WHERE}/answers", json=body).status_code)

    # starlette's test client answers in the calling thread, so each waits by itself
    threads = [threading.Thread(target=send, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(1)
        if replies:
            break
    assert replies == [503]
    busy = page.post(f"{WHERE}/answers", json=ASK)
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "5")
    parrot.gate.set()
    for thread in threads:
        thread.join(10)
    assert Counter(replies) == {200: 8, 503: 1}
    assert ask(page)
