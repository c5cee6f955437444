"""The project's own file loses nothing and takes nothing on trust."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from rather.data.collected import BadField, Collected
from rather.data.formats.native import Reader, lines
from rather.data.identity import prompt_id
from rather.records import Completion, Judgment, Labeller, Message, Prompt

QUESTION = (Message("user", "Why?"),)
PROMPT = Prompt(prompt_id(QUESTION), QUESTION, "heldout", source="x", tags=("t",))
COMPLETION = Completion("c1", PROMPT.id, "", "base", {"temperature": 0.5}, 3, "length", 0)
LABELLER = Labeller("ann", "Ann", False)
JUDGMENT = Judgment(
    "01", "thumb", PROMPT.id, "ann", {"completion_id": "c1", "good": True}, "2026", "k", False
)
ALL = Collected((PROMPT,), (COMPLETION,), (LABELLER,), (JUDGMENT,))


def line(name: str, record: Any, **changes: Any) -> dict[str, Any]:
    return json.loads(json.dumps({"type": name, **asdict(record), **changes}))


def test_everything_comes_back() -> None:
    header, *rest = lines(ALL)
    assert header == '{"type": "rather", "version": 1}'
    assert rest[2] == (
        '{"type": "labeller", "id": "ann", "name": "Ann", "is_simulated": false, '
        '"role": "labeller", "settings": {}, "paused": ""}'
    )
    reader = Reader()
    for text in rest:
        reader.read(json.loads(text))
    assert reader.collected() == ALL


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"type": "vote"}, "type"),
        (line("labeller", LABELLER), "id"),
        (line("labeller", LABELLER, id="bob", is_simulated="no"), "is_simulated"),
        (line("labeller", LABELLER, id="bob", role="king"), "role"),
        (line("labeller", LABELLER, id="bob", colour="red"), "colour"),
        ({"type": "labeller", "id": "bob"}, "name"),
        (line("prompt", PROMPT, id="p_other"), "id"),
        (line("prompt", PROMPT, messages=[{"role": "tool", "content": "x"}]), "messages[0].role"),
        (line("prompt", PROMPT, messages=[{"role": "human", "content": "x"}]), "messages"),
        (line("completion", COMPLETION, id="c2", prompt_id="p9"), "prompt_id"),
        (line("completion", COMPLETION, id="c2", seed=2**63), "seed"),
        (line("completion", COMPLETION, id="c2", seed=1.5), "seed"),
        (line("judgment", JUDGMENT, id="02"), "idempotency_key"),
        (
            line("judgment", JUDGMENT, id="02", idempotency_key="l", labeller_id="bob"),
            "labeller_id",
        ),
        (line("judgment", JUDGMENT, id="02", idempotency_key="l", supersedes="00"), "supersedes"),
        (line("judgment", JUDGMENT, id="02", idempotency_key="l", kind="star"), "kind"),
        (line("judgment", JUDGMENT, id="02", idempotency_key="l", answer={"good": True}), "answer"),
        (
            line(
                "judgment",
                JUDGMENT,
                id="02",
                idempotency_key="l",
                answer={"completion_id": "c9", "good": True},
            ),
            "answer",
        ),
    ],
)
def test_a_line_that_does_not_fit_names_its_field(bad: dict[str, Any], field: str) -> None:
    reader = Reader()
    for name, record in (
        ("prompt", PROMPT),
        ("completion", COMPLETION),
        ("labeller", LABELLER),
        ("judgment", JUDGMENT),
    ):
        reader.read(line(name, record))
    with pytest.raises(BadField) as caught:
        reader.read(bad)
    assert caught.value.field == field
    assert reader.collected() == ALL


def test_an_event_is_superseded_once() -> None:
    reader = Reader()
    reader.read(line("prompt", PROMPT))
    reader.read(line("completion", COMPLETION))
    reader.read(line("labeller", LABELLER))
    reader.read(line("judgment", JUDGMENT))
    reader.read(line("judgment", JUDGMENT, id="02", idempotency_key="l", supersedes="01"))
    with pytest.raises(BadField, match="01 was superseded before"):
        reader.read(line("judgment", JUDGMENT, id="03", idempotency_key="m", supersedes="01"))
