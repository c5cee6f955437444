"""What tests of the labelling routes send and read."""

from itertools import count
from typing import Any

import pytest
from fastapi.testclient import TestClient

SAID: dict[str, dict[str, Any]] = {
    "pair": {"kind": "pair", "choice": "A"},
    "ranking": {"kind": "ranking", "ranks": [1, 2, 3]},
    "demonstration": {"kind": "demonstration", "text": "I would say so."},
    "correction": {"kind": "correction", "text": "Better so."},
    "thumb": {"kind": "thumb", "is_good": True},
}


class Hand:
    """One labeller's hand on the app: every answer has a key of its own."""

    def __init__(self, client: TestClient, name: str = "hand") -> None:
        self.client = client
        self._keys = (f"{name}-{number:08}" for number in count())

    def next(self, **asked: Any) -> dict[str, Any]:
        reply = self.client.get("/api/next", params=asked)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def task(self, **asked: Any) -> dict[str, Any]:
        (task,) = self.next(**asked)["tasks"]
        return task

    def tasks(self, **asked: Any) -> list[dict[str, Any]]:
        return self.next(**asked)["tasks"]

    def body(self, item_id: str, said: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "item_id": item_id,
            "said": said,
            "ms_to_decision": 2100,
            "idempotency_key": next(self._keys),
            "guidelines_hash": "0123456789abcdef",
        } | more

    def judge(self, item_id: str, said: dict[str, Any], **more: Any) -> Any:
        return self.client.post("/api/judgments", json=self.body(item_id, said, **more))

    def judge_next(self, **said: Any) -> dict[str, Any]:
        """Answer what comes next as its kind is answered here; the task."""
        task = self.task()
        reply = self.judge(task["item_id"], SAID[task["kind"]] | said)
        assert reply.status_code == 200, reply.text
        return task

    def undo(self, **more: Any) -> Any:
        return self.client.post("/api/undo", json={"idempotency_key": next(self._keys)} | more)

    def remark(self, item_id: str, what: str = "skip", **more: Any) -> Any:
        body = {"item_id": item_id, "what": what, "reason": "broken"}
        return self.client.post(
            "/api/remarks", json=body | {"idempotency_key": next(self._keys)} | more
        )

    def withdraw(self, remark_key: str, **more: Any) -> Any:
        body = {"remark_key": remark_key, "idempotency_key": next(self._keys)}
        return self.client.post("/api/remarks/withdraw", json=body | more)

    def draft(self, item_id: str, **draft: str) -> Any:
        return self.client.put(f"/api/drafts/{item_id}", json={"draft": draft})


@pytest.fixture
def anns(ann: TestClient) -> Hand:
    return Hand(ann)


@pytest.fixture
def bobs(bob: TestClient) -> Hand:
    return Hand(bob)


@pytest.fixture
def new_hand(new_app: Any, answered: Any, browser: Any) -> Any:
    """The hand of a labeller on a server of its own, with settings of `label`."""
    numbers = count(1)

    def make(labeller_id: str = "ann", app: Any = None, **label: Any) -> Hand:
        return Hand(browser(app or new_app(**label), labeller_id), f"hand-{next(numbers)}")

    return make
