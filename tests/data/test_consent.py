"""Without consent nothing trains and nothing leaves; what is left out is counted."""

from dataclasses import replace
from pathlib import Path

import pytest

from rather.data.collected import Collected
from rather.data.consent import NO_CONSENT, TAKEN_BACK, consented
from rather.data.exporting import ExportFormat, export, texts
from rather.data.identity import prompt_id
from rather.feedback.learning import comparisons, demonstrations
from rather.feedback.pair import Pair
from rather.records import Completion, Judgment, Labeller, Message, Prompt

SAID = (Message("user", "Why?"),)
ALSO = (Message("user", "How?"),)
ASKED = Prompt(prompt_id(SAID), SAID, "train")
USED = Prompt(prompt_id(ALSO), ALSO, "train", source="use")
ANN, CLIENT = Labeller("l1", "Ann", False), Labeller("use_1", "client 1", False)
ANSWERS = tuple(
    Completion(f"{prompt.id}-{text}", prompt.id, text, "ppo-1")
    for prompt in (ASKED, USED)
    for text in ("yes", "no")
)


def judgment(id: str, prompt: Prompt, who: Labeller) -> Judgment:
    """A pair in which `yes` is preferred."""
    answer = Pair(f"{prompt.id}-yes", f"{prompt.id}-no", "A").to_answer()
    return Judgment(id, "pair", prompt.id, who.id, answer, "2026-01-01", id, False)


LABELLED = judgment("01", ASKED, ANN)
GIVEN = replace(judgment("02", USED, CLIENT), source="use")
REFUSED = replace(GIVEN, has_consent=False)
TAKEN = replace(REFUSED, id="03", idempotency_key="03", supersedes="02", is_retraction=True)


def collected(*judgments: Judgment) -> Collected:
    return Collected((ASKED, USED), ANSWERS, (ANN, CLIENT), judgments)


def test_with_consent_all_of_it_is_handed_on() -> None:
    left, dropped = consented(collected(LABELLED, GIVEN))
    assert left == collected(LABELLED, GIVEN)
    assert len(dropped) == 0


@pytest.mark.parametrize(
    ("events", "reasons"),
    [
        ((REFUSED,), (("02", NO_CONSENT),)),
        ((GIVEN, TAKEN), (("02", TAKEN_BACK), ("03", TAKEN_BACK))),
    ],
)
def test_without_it_neither_judgment_nor_texts_nor_client_are(
    events: tuple[Judgment, ...], reasons: tuple[tuple[str, str], ...]
) -> None:
    left, dropped = consented(collected(LABELLED, *events))
    assert left == Collected((ASKED,), ANSWERS[:2], (ANN,), (LABELLED,))
    assert dropped.reasons == reasons


def test_consent_that_is_given_again_counts() -> None:
    again = replace(GIVEN, id="03", idempotency_key="03", supersedes="02")
    left, _ = consented(collected(REFUSED, again))
    assert [one.id for one in left.judgments] == ["02", "03"]


def test_nothing_is_learnt_without_it() -> None:
    found, dropped = comparisons([LABELLED, REFUSED], (ASKED, USED), ANSWERS)
    assert [one.judgment_id for one in found] == ["01"]
    assert dropped.reasons == (("02", NO_CONSENT),)
    wrote = replace(LABELLED, kind="demonstration", answer={"text": "So."}, has_consent=False)
    learnt, unlearnt = demonstrations([wrote], (ASKED, USED))
    assert learnt == []
    assert unlearnt.counts == {NO_CONSENT: 1}


@pytest.mark.parametrize("format", ["jsonl", "trl", "arena"])
def test_no_export_has_it_and_every_export_counts_it(format: ExportFormat, tmp_path: Path) -> None:
    written = export(collected(LABELLED, REFUSED), format, tmp_path / "out")
    files = [file.read_text() for file in written.files]
    assert any("Why?" in text for text in files)
    assert not any("How?" in text for text in files)
    assert {NO_CONSENT: 1} in [dropped.counts for dropped in written.dropped.values()]
    shown, left_out = texts(collected(LABELLED, REFUSED), "jsonl")
    assert "How?" not in shown["rather.jsonl"]
    assert '"has_consent": true' in shown["rather.jsonl"]
    assert left_out["rather.jsonl"].counts == {NO_CONSENT: 1}
