"""Ids that sort by time, and judgments that say who gave them."""

import re
import threading
import time

import pytest

from rather.feedback import events
from rather.feedback.events import Circumstances, new_id, new_judgment
from rather.feedback.thumb import Thumb
from rather.records import Labeller


def test_ids_are_ulids_that_grow() -> None:
    ids = [new_id() for _ in range(2000)]
    assert all(re.fullmatch("[0-7][0-9A-HJKMNP-TV-Z]{25}", id) for id in ids)
    assert ids == sorted(set(ids))


def test_ids_grow_even_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert new_id() > before


def test_an_id_holds_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    # The example of the ulid package for JavaScript: ulid(1469918176385).
    monkeypatch.setattr(time, "time_ns", lambda: 1469918176385 * 1_000_000)
    assert events._Ulids().next().startswith("01ARYZ6S41")


def test_threads_never_share_an_id() -> None:
    ids: list[str] = []
    threads = [
        threading.Thread(target=lambda: ids.extend(new_id() for _ in range(200))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 1600


def test_a_judgment_says_whether_a_simulator_gave_it() -> None:
    sim = Labeller("sim", "Sim", True)
    made = new_judgment("p1", sim, Thumb("c1", True))
    assert (made.kind, made.labeller_id, made.is_simulated) == ("thumb", "sim", True)
    assert made.answer == {"completion_id": "c1", "good": True}
    assert made.idempotency_key == made.id
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", made.created_at)


def test_circumstances_are_kept() -> None:
    given = Circumstances("api", "key", "hash", 900, "01A", True)
    made = new_judgment("p1", Labeller("ann", "Ann", False), Thumb("c1", True), given)
    assert (made.source, made.idempotency_key, made.guidelines_hash) == ("api", "key", "hash")
    assert (made.ms_to_decision, made.supersedes, made.is_retraction) == (900, "01A", True)
