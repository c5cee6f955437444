"""What a labeller is shown: blind, kept, the same on every visit, theirs alone."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from rather.records import Completion, Judgment, Question
from rather.store import assignments, completions, judgments, prompts, questions
from rather.store.database import Database
from tests.web.labelling.conftest import SAID

TASK_KEYS = {"item_id", "kind", "prompt", "answers", "draft", "given"}
REPLY_KEYS = {"tasks", "progress", "guidelines", "notice", "is_paused"}
NUM_ITEMS = {"pair": 4, "ranking": 2, "thumb": 5, "correction": 5, "demonstration": 2}


def test_who_is_asked_what(new_hand: Callable[..., Any]) -> None:
    assert new_hand().client.get("/api/me").json() == {
        "id": "ann",
        "name": "Ann",
        "role": "labeller",
        "workspace": "my-assistant",
        "question": {
            "kind": "pair",
            "text": "Which answer would you rather have received?",
            "dimensions": [],
            "ask_strength": False,
        },
    }
    asked = new_hand(question="Which is kinder?", dimensions=("kind",), ask_strength=True)
    assert asked.client.get("/api/me").json()["question"] == {
        "kind": "pair",
        "text": "Which is kinder?",
        "dimensions": ["kind"],
        "ask_strength": True,
    }


def test_a_task_is_blind(anns: Any) -> None:
    reply = anns.client.get("/api/next")
    shown = reply.json()
    assert set(shown) == REPLY_KEYS
    (task,) = shown["tasks"]
    assert set(task) == TASK_KEYS
    assert [set(turn) for turn in task["prompt"]] == [{"role", "html", "text"}]
    assert [set(answer) for answer in task["answers"]] == [{"html", "text"}] * 2
    assert shown["progress"] == {
        "done": 0,
        "remaining": 4,
        "goal": 20,
        "done_today": 0,
        "team": 0,
    }
    for secret in ("secret-model", "temperature", "c_two", "c_hello", "p_two", "p_hello", "train"):
        assert secret not in reply.text


@pytest.mark.parametrize("kind", NUM_ITEMS)
def test_every_kind_is_asked_to_the_end(new_hand: Callable[..., Any], kind: str) -> None:
    hand = new_hand(kind=kind)
    texts: dict[str, set[str]] = {}
    for number in range(NUM_ITEMS[kind]):
        shown = hand.next()
        (task,) = shown["tasks"]
        assert task["kind"] == kind
        assert shown["progress"]["done"] == number
        assert shown["progress"]["remaining"] == NUM_ITEMS[kind] - number
        asked = task["prompt"][0]["text"]
        texts.setdefault(asked, set()).update(answer["text"] for answer in task["answers"])
        said = {"ranks": list(range(1, len(task["answers"]) + 1))} if kind == "ranking" else {}
        assert hand.judge_next(**said) == task
    assert texts["hello"] == (set() if kind == "demonstration" else {"Hi.", "Hello there."})
    end = hand.next()
    assert end["tasks"] == []
    assert end["progress"]["done"] == end["progress"]["team"] == NUM_ITEMS[kind]
    assert end["progress"]["remaining"] == 0


def test_the_same_task_comes_again_in_the_same_order(
    new_hand: Callable[..., Any], new_app: Callable[..., FastAPI]
) -> None:
    for kind in ("pair", "ranking"):
        task = new_hand(kind=kind).task()
        assert new_hand(kind=kind).task() == task


def test_the_page_takes_several_along_and_no_more_than_its_share(anns: Any, bobs: Any) -> None:
    # 4 open items, 1 active labeller: 4 // 2
    taken = anns.tasks(count=20)
    assert len(taken) == 2
    # 2 open items, 2 active labellers: 2 // 4, but at least 1
    assert len(bobs.tasks(count=20)) == 1


def test_what_the_page_holds_is_not_sent_again(anns: Any) -> None:
    first = anns.task()["item_id"]
    second = anns.task(holding=[first])["item_id"]
    assert second != first
    assert [one["item_id"] for one in anns.tasks(count=5)] == [first, second]


def test_skipped_items_come_last_in_their_order(anns: Any) -> None:
    skipped: list[str] = []
    for _ in range(4):
        skipped.append(anns.task(skip=skipped)["item_id"])
    assert len(set(skipped)) == 4
    assert anns.task(skip=skipped)["item_id"] == skipped[0]


def test_nobody_is_given_what_another_holds_or_has_judged(anns: Any, bobs: Any) -> None:
    anns.judge_next()
    held = anns.task()["item_id"]
    for _ in range(2):
        assert bobs.judge_next()["item_id"] != held
    assert bobs.tasks() == []
    assert bobs.next()["progress"]["remaining"] == 0
    assert anns.next()["progress"]["remaining"] == 1


def test_a_prompt_that_is_withdrawn_is_asked_nobody_until_it_is_again(
    anns: Any, bobs: Any, db: Database
) -> None:
    held = anns.task()
    prompt = f"p_{held['prompt'][0]['text']}"
    num_items = {"p_hello": 1, "p_two": 3}
    judgments.retract(db, prompt_id=prompt)  # by another process
    assert anns.task()["item_id"] != held["item_id"]
    assert anns.judge(held["item_id"], SAID["pair"]).status_code == 404
    assert anns.next()["progress"]["remaining"] == 4 - num_items[prompt]
    for _ in range(4 - num_items[prompt]):
        anns.judge_next()
    assert anns.tasks() == bobs.tasks() == []
    assert prompts.ask_again(db, prompt)
    assert bobs.next()["progress"]["remaining"] == num_items[prompt] - 1  # Ann holds one still
    assert anns.judge(held["item_id"], SAID["pair"]).status_code == 200


def test_a_lease_that_ends_frees_the_place(anns: Any, bobs: Any, clock: Any) -> None:
    for _ in range(3):
        anns.judge_next()
    item = anns.task()
    assert bobs.tasks() == []
    clock.pass_minutes(10)
    assert bobs.task()["item_id"] == item["item_id"]
    # and it is Bob's now, for ten minutes
    assert anns.tasks() == []
    clock.pass_minutes(10)
    assert anns.task() == item


def test_holding_coming_back_and_drafts_renew_a_lease(anns: Any, bobs: Any, clock: Any) -> None:
    for _ in range(3):
        anns.judge_next()
    item = anns.task()["item_id"]
    for renew in (
        lambda: anns.tasks(holding=[item]),
        lambda: anns.task(),
        lambda: anns.draft(item, text="Well"),
    ):
        clock.pass_minutes(9)
        renew()
        assert bobs.tasks() == []
    clock.pass_minutes(10)
    assert bobs.task()["item_id"] == item


def test_an_item_is_asked_of_as_many_as_are_wanted(new_hand: Callable[..., Any]) -> None:
    from rather.config.labelling import Overlap

    first = new_hand(overlap=Overlap(judges=2, shared_fraction=0))
    second = new_hand("bob", app=first.client.app)
    by_first = [first.judge_next()["item_id"] for _ in range(4)]
    by_second = [second.judge_next()["item_id"] for _ in range(4)]
    assert sorted(by_first) == sorted(by_second)
    assert first.tasks() == second.tasks() == []


def test_items_that_nobody_has_come_first(new_hand: Callable[..., Any]) -> None:
    from rather.config.labelling import Overlap

    first = new_hand(overlap=Overlap(judges=2, shared_fraction=0))
    second = new_hand("bob", app=first.client.app)
    by_first = {first.judge_next()["item_id"] for _ in range(2)}
    by_second = {second.judge_next()["item_id"] for _ in range(2)}
    assert not by_first & by_second


def test_only_what_one_was_shown_can_be_looked_at(anns: Any, bobs: Any) -> None:
    item = anns.task()["item_id"]
    assert anns.client.get(f"/api/items/{item}").json()["given"] is None
    for hand, id in ((bobs, item), (anns, "0" * 26)):
        reply = hand.client.get(f"/api/items/{id}")
        assert reply.status_code == 404
        assert reply.json()["error"]["code"] == "unknown_item"


def test_a_past_item_shows_what_was_said(anns: Any) -> None:
    task = anns.task()
    reply = anns.judge(task["item_id"], {"kind": "pair", "choice": "B", "strength": 2}, comment="!")
    again = anns.client.get(f"/api/items/{task['item_id']}").json()
    given = again.pop("given")
    assert given.pop("created_at").startswith("2026-03-01T12:00")
    assert given == {
        "judgment_id": reply.json()["judgment_id"],
        "said": {"kind": "pair", "choice": "B", "strength": 2, "dimensions": {}},
        "comment": "!",
    }
    assert again | {"given": None} == task


def test_history_lists_the_newest_first(
    anns: Any, bobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rather.web.labelling.asking.NUM_ENTRIES", 2)
    items = [anns.judge_next()["item_id"] for _ in range(3)]
    bobs.judge_next()
    page = anns.client.get("/api/history").json()
    assert [one["item_id"] for one in page["entries"]] == [items[2], items[1]]
    assert page["entries"][0]["prompt"] in ("hello", "two")
    assert page["next_before"] == page["entries"][1]["judgment_id"]
    rest = anns.client.get("/api/history", params={"before": page["next_before"]}).json()
    assert [one["item_id"] for one in rest["entries"]] == [items[0]]
    assert rest["next_before"] is None


def test_what_was_judged_before_assignments_were_kept_is_known(
    answered: Database, new_hand: Callable[..., Any]
) -> None:
    answer = {
        "left_completion_id": "c_hello_1",
        "right_completion_id": "c_hello_0",
        "choice": "A",
    }
    old = Judgment("01", "pair", "p_hello", "ann", answer, "2026-01-01T00:00:00", "ann:k", False)
    judgments.record(answered, old)
    hand = new_hand()
    assert hand.next()["progress"] == {
        "done": 1,
        "remaining": 3,
        "goal": 20,
        "done_today": 0,
        "team": 1,
    }
    (entry,) = hand.client.get("/api/history").json()["entries"]
    task = hand.client.get(f"/api/items/{entry['item_id']}").json()
    assert [one["text"] for one in task["answers"]] == ["Hello there.", "Hi."]
    assert hand.undo().json()["item_id"] == entry["item_id"]
    assert assignments.get(answered, "ann", "pair:c_hello_0-c_hello_1", "work") is not None


def test_a_new_server_goes_on_where_the_old_one_stopped(
    anns: Any, new_hand: Callable[..., Any], answered: Database
) -> None:
    anns.judge_next()
    anns.judge_next()
    taken_back = anns.undo(idempotency_key="undo-0000001").json()
    shown = anns.next()
    later = new_hand()
    assert later.next() == shown
    replayed = later.undo(idempotency_key="undo-0000001")
    assert replayed.json() == taken_back
    assert len(judgments.live(answered)) == 1


def test_new_completions_are_found_without_a_restart(anns: Any, answered: Database) -> None:
    assert anns.next()["progress"]["remaining"] == 4
    completions.add(answered, [Completion("c_new", "p_hello", "Good day.", "secret-model")])
    assert anns.next()["progress"]["remaining"] == 6


def test_two_servers_of_one_workspace_give_away_each_place_once(
    anns: Any, new_hand: Callable[..., Any], clock: Any
) -> None:
    others = new_hand("bob")
    for _ in range(2):
        assert anns.judge_next()["item_id"] != others.judge_next()["item_id"]
    assert anns.tasks() == others.tasks() == []


def test_a_lease_renewed_elsewhere_holds(
    anns: Any, new_hand: Callable[..., Any], clock: Any
) -> None:
    others = new_hand("bob")
    for _ in range(3):
        anns.judge_next()
    held = anns.task()["item_id"]
    assert others.tasks() == []
    clock.pass_minutes(9)
    anns.tasks(holding=[held])
    clock.pass_minutes(9)  # the other server saw only the first lease
    assert others.tasks() == []
    assert anns.task()["item_id"] == held


def test_hostile_text_arrives_inert(new_hand: Callable[..., Any], answered: Database) -> None:
    texts = ["<img src=x onerror=alert(1)>", "\u202egnp.exe <script>alert(1)</script>"]
    hostile = [Completion(f"c_evil_{n}", "p_hello", text, "m") for n, text in enumerate(texts)]
    completions.add(answered, hostile)
    hand = new_hand()
    seen = "".join(answer["html"] for _ in range(9) for answer in hand.judge_next()["answers"])
    assert "&lt;img src=x onerror=alert(1)&gt;" in seen
    assert "⟨U+202E⟩gnp.exe" in seen
    assert "<img" not in seen
    assert "<script" not in seen


def chosen(db: Database, *pairs: tuple[str, str], kind: Any = "pair") -> None:
    questions.add(
        db,
        [
            Question(f"{kind}:{'-'.join(sorted(ids))}", kind, "p_two", False, "2026")
            for ids in pairs
        ],
    )


def test_once_questions_were_chosen_only_those_are_asked(
    new_hand: Callable[..., Any], db: Database
) -> None:
    hand = new_hand()  # the server has read what there is
    two = [one.id for one in completions.all(db, prompt_ids=["p_two"])]
    chosen(db, (two[0], two[3]), (two[1], two[3]))
    chosen(db, (two[0], two[1], two[3]), kind="ranking")  # of no concern where pairs are asked
    assert hand.next()["progress"]["remaining"] == 2
    asked = {hand.judge_next()["item_id"] for _ in range(2)}
    assert hand.tasks() == []
    assert len(asked) == 2
    chosen(db, (two[0], two[1]))
    assert hand.next()["progress"]["remaining"] == 1


def test_all_is_asked_where_that_is_wanted(new_hand: Callable[..., Any], db: Database) -> None:
    hand = new_hand(only_chosen=False)
    two = [one.id for one in completions.all(db, prompt_ids=["p_two"])]
    chosen(db, (two[0], two[3]))
    assert hand.next()["progress"]["remaining"] == 4
    assert new_hand("bob").next()["progress"]["remaining"] == 1
