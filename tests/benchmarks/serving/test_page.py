"""The tables of docs/serving.md are what was measured."""

import json
from typing import Any

from benchmarks.serving import page


def test_a_row_has_the_rate_ours_over_it_and_the_first_token() -> None:
    about: dict[str, Any] = {
        "measured_at": "2026-11-29T00:00:00",
        "machine": {"processor": "P", "cores": 2},
        "versions": {"vllm": "0.1"},
    }
    ours = {"tokens_per_second": 30.0, "first_token_p50_s": 0.5, "first_token_p95_s": 0.75}
    found = {
        name: {**about, "systems": {"rather serve": ours, "X": {"tokens_per_second": 15.0}}}
        for name in ("streams", "alone")
    }
    chat = {
        "settings": {"turns": 2},
        "systems": {"kept": {"first_token_s": [0.25, 0.125]}, "X": {"first_token_s": [0.25, 0.5]}},
    }
    lines = page.tables({**found, "chat": chat}).splitlines()
    assert lines[2] == "| 32 streams over 4 adapters | rather serve | 30.0 | 1.0 | 0.50 s, 0.75 s |"
    assert lines[5] == "| one request alone | X | 15.0 | 2.0 | – |"
    assert lines[7] == "| first token of a chat's turn | 1 | 2 |"
    assert lines[9] == "| what was said before is kept | 0.250 s | 0.125 s |"
    assert lines[-1] == "Measured 2026-11-29 on P, 2 cores; vLLM 0.1."


def test_the_page_shows_what_was_measured() -> None:
    text = page.PAGE.read_text("utf-8")
    shown = text.partition(page.BEGINS)[2].partition(page.ENDS)[0]
    assert shown == page.tables(json.loads(page.RESULTS.read_text("utf-8")))
