"""A reward behind HTTP: what is sent, and every way in which an answer can be wrong."""

import math
from typing import Any

import pytest

from rather.errors import EnvironmentFault
from rather.records import Message, Prompt
from rather.rollout import remote_scorer
from rather.rollout.remote_scorer import remote_scores

ASKED = Prompt("p", (Message("system", "Be kind."), Message("user", "Why?")), "train")
ROWS = [(ASKED, "Because."), (ASKED, "No.")]


def answering(monkeypatch: pytest.MonkeyPatch, reply: Any) -> list[Any]:
    """Let the server answer this; what it was sent is appended to the list."""
    sent: list[Any] = []

    def post(url: str, body: Any, key: str | None) -> Any:
        sent.append((url, body, key))
        return reply

    monkeypatch.setenv("OPENAI_API_KEY", "of somebody else")
    monkeypatch.setenv("RATHER_SCORER_KEY", "sesame")
    monkeypatch.setattr(remote_scorer, "post_json", post)
    return sent


def test_rows_are_sent_and_scores_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = answering(monkeypatch, {"scores": [1, -0.5]})
    assert remote_scores("http://h/s", ROWS) == [1.0, -0.5]
    asked = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}]
    rows = [{"prompt": asked, "completion": text} for text in ("Because.", "No.")]
    assert sent == [("http://h/s", {"rows": rows}, "sesame")]


@pytest.mark.parametrize("reply", [None, [], {}, {"scores": 3}, {"scores": [1.0]}])
def test_anything_but_one_score_a_row_is_refused(
    monkeypatch: pytest.MonkeyPatch, reply: Any
) -> None:
    answering(monkeypatch, reply)
    with pytest.raises(EnvironmentFault, match=r'should answer \{"scores": .* with 2 numbers'):
        remote_scores("http://h/s", ROWS)


@pytest.mark.parametrize("score", ["high", None, math.nan, math.inf])
def test_a_score_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, score: Any) -> None:
    answering(monkeypatch, {"scores": [0.0, score]})
    with pytest.raises(EnvironmentFault, match="as the score of row 1"):
        remote_scores("http://h/s", ROWS)
