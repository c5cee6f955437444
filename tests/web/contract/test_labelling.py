"""No reply to a labeller says where an answer comes from, or what an item is for."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from rather.config.labelling import Checks, Overlap
from rather.records import Completion, Judgment, Labeller, Message, Prompt
from rather.store import completions, judgments, labellers, prompts
from rather.store.database import Database

FORBIDDEN_KEYS = {
    "model", "adapter", "reward", "score", "purpose", "order", "source", "round", "split", "seed",
    "completion_id", "completion_ids", "left_completion_id", "right_completion_id", "sampling",
    "prompt_id", "labeller_id", "truth", "is_simulated", "finish_reason", "num_tokens", "tags",
}  # fmt: skip
FORBIDDEN_TEXTS = (
    "secret-model", "gold", "repeat", "c_hello", "c_two", "p_hello", "p_two", "imported",
    "heldout", "temperature", "work",
)  # fmt: skip
SAID: dict[str, dict[str, Any]] = {
    "pair": {"choice": "B", "strength": 1},
    "ranking": {},
    "demonstration": {"text": "So."},
    "correction": {"text": "So."},
    "thumb": {"is_good": False},
}


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every key and every value, with the way to it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{path}.{key} (key)", key
            yield from walk(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from walk(item, f"{path}[]")
    else:
        yield path, value


def check(reply: Any) -> Any:
    assert reply.status_code == 200, reply.text
    for path, value in walk(reply.json()):
        if path.endswith("(key)"):
            assert value not in FORBIDDEN_KEYS, path
        elif isinstance(value, str):
            assert not any(text in value for text in FORBIDDEN_TEXTS), (path, value)
    return reply.json()


@pytest.fixture
def checked(answered: Database) -> Database:
    """The usual answers, some of them held out, and truths about one more prompt."""
    labellers.add(answered, [Labeller("gold", "known answers", True)])
    asked = Prompt("g_1", (Message("user", "Right?"),), "train", source="gold")
    held = Prompt("p_held", (Message("user", "Later?"),), "heldout", source="gold file")
    prompts.add(answered, [asked, held])
    given = [Completion(f"g_1_{n}", "g_1", f"text {n}", "imported") for n in range(3)]
    given += [Completion(f"h_{n}", "p_held", f"late {n}", "secret-model") for n in range(6)]
    completions.add(answered, given)
    pair = {"left_completion_id": "g_1_0", "right_completion_id": "g_1_1", "choice": "A"}
    ranking = {"completion_ids": ["g_1_0", "g_1_1", "g_1_2"], "ranks": [1, 2, 3]}
    thumb = {"completion_id": "g_1_0", "good": True}
    for kind, answer in (("pair", pair), ("ranking", ranking), ("thumb", thumb)):
        truth = Judgment(kind, kind, "g_1", "gold", answer, "2026", kind, True, "gold")  # type: ignore[arg-type]
        judgments.record(answered, truth)
    return answered


@pytest.mark.parametrize("kind", SAID)
def test_no_route_of_a_labeller_tells_more_than_the_contract(
    kind: str,
    checked: Database,
    new_app: Callable[..., FastAPI],
    browser: Callable[..., TestClient],
) -> None:
    can_be_checked = kind in ("pair", "ranking", "thumb")
    checks = Checks(
        gold="g.jsonl" if can_be_checked else None, gold_fraction=0.4, repeat_fraction=0.1
    )
    app = new_app(kind=kind, checks=checks, overlap=Overlap(shared_fraction=1))
    ann = browser(app, "ann")
    check(ann.get("/api/me"))
    number = 0
    while tasks := check(ann.get("/api/next", params={"count": 3}))["tasks"]:
        for task in tasks:
            number += 1
            item, key = task["item_id"], f"key-{number:08}"
            said = {"kind": kind, **SAID[kind]}
            if kind == "ranking":
                said["ranks"] = list(range(len(task["answers"]), 0, -1))
            check(ann.put(f"/api/drafts/{item}", json={"draft": {"text": "Hm", "comment": "?"}}))
            check(ann.get(f"/api/items/{item}"))
            remark = {"item_id": item, "what": "flag", "reason": "other", "idempotency_key": key}
            check(ann.post("/api/remarks", json=remark))
            back = {"remark_key": key, "idempotency_key": key}
            check(ann.post("/api/remarks/withdraw", json=back))
            body = {
                "item_id": item,
                "said": said,
                "ms_to_decision": 2000,
                "idempotency_key": key,
                "guidelines_hash": "",
                "comment": "so",
            }
            check(ann.post("/api/judgments", json=body))
            if number % 4 == 0:
                check(ann.post("/api/undo", json={"idempotency_key": key}))
                check(ann.post("/api/judgments", json=body | {"idempotency_key": f"{key}-2"}))
            check(ann.get(f"/api/items/{item}"))
    check(ann.get("/api/history"))
    sources = {one.source for one in judgments.live(checked, labeller_id="ann")}
    assert "label" in sources
    assert ("gold_check" in sources) is can_be_checked
