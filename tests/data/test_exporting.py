"""What goes out can come in again: byte for byte in our own format, row for row in TRL's."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rather.data.collected import Collected
from rather.data.exporting import export, texts
from rather.data.identity import completion_id, prompt_id
from rather.data.importing import read
from rather.errors import UsageError
from rather.feedback.answer import Answer
from rather.feedback.correction import Correction
from rather.feedback.demonstration import Demonstration
from rather.feedback.events import Circumstances, new_judgment
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.feedback.thumb import Thumb
from rather.records import Completion, Judgment, Labeller, Message, Prompt
from rather.store import completions, judgments, labellers, prompts
from rather.store.database import Database

ANN, SIM = Labeller("ann", "Ann", False), Labeller("sim", "Sim", True, settings={"seed": 0})
QUESTION = (Message("system", "Be kind."), Message("user", "Why?"))
PROMPT = Prompt(prompt_id(QUESTION), QUESTION, "train")


def answered(text: str, model: str = "base") -> Completion:
    return Completion(completion_id(PROMPT.id, model, {}, 0, text), PROMPT.id, text, model)


ONE, TWO, THREE = answered("One."), answered("Two.", "ppo-1"), answered("Three.")


def judged(*answers: Answer) -> Collected:
    events = tuple(new_judgment(PROMPT.id, ANN, answer) for answer in answers)
    return Collected((PROMPT,), (ONE, TWO, THREE), (ANN,), events)


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


FIVE_KINDS = judged(
    Pair(ONE.id, TWO.id, "B", 2),
    Ranking((ONE.id, TWO.id, THREE.id), (1, 2, 2)),
    Demonstration("So."),
    Correction(THREE.id, "Three, then."),
    Thumb(TWO.id, True),
    Pair(ONE.id, THREE.id, "both_bad"),
    Pair(TWO.id, THREE.id, "tie"),
)
ASKED = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}]


def test_trl_files(tmp_path: Path) -> None:
    exported = export(FIVE_KINDS, "trl", tmp_path / "out")
    assert exported.counts == {"pairs.jsonl": 4, "sft.jsonl": 2, "kto.jsonl": 3}
    rows = written(tmp_path / "out" / "pairs.jsonl")
    assert rows[0] == {
        "prompt": ASKED,
        "chosen": [{"role": "assistant", "content": "Two."}],
        "rejected": [{"role": "assistant", "content": "One."}],
        "margin": 2.0,
        "split": "train",
    }
    assert [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows] == [
        ("Two.", "One."),
        ("One.", "Two."),
        ("One.", "Three."),
        ("Three, then.", "Three."),
    ]
    assert [row["completion"][0]["content"] for row in written(tmp_path / "out" / "sft.jsonl")] == [
        "So.",
        "Three, then.",
    ]
    assert [
        (row["completion"][0]["content"], row["label"])
        for row in written(tmp_path / "out" / "kto.jsonl")
    ] == [("Two.", True), ("One.", False), ("Three.", False)]


def test_what_trl_cannot_say_is_counted(tmp_path: Path) -> None:
    exported = export(FIVE_KINDS, "trl", tmp_path)
    assert exported.dropped["pairs.jsonl"].counts == {
        "a demonstration compares nothing": 1,
        "a thumb compares nothing": 1,
        "both answers were called bad, neither better": 1,
        "a tie prefers neither answer": 1,
    }
    assert exported.dropped["kto.jsonl"].counts == {
        "it calls no answer good or bad by itself": 5,
    }


def test_trl_files_come_in_again(tmp_path: Path) -> None:
    export(FIVE_KINDS, "trl", tmp_path)
    pairs = read(tmp_path / "pairs.jsonl")
    assert (pairs.kind, len(pairs.judgments), pairs.rejected) == ("pairs", 4, ())
    assert pairs.prompts[0].messages == QUESTION
    assert pairs.judgments[0].answer["strength"] == 2
    assert [read(tmp_path / name).kind for name in ("sft.jsonl", "kto.jsonl")] == [
        "demonstrations",
        "thumbs",
    ]


def test_arena_rows_come_in_again(tmp_path: Path) -> None:
    exported = export(FIVE_KINDS, "arena", tmp_path / "arena.jsonl")
    assert exported.counts == {"arena.jsonl": 3}
    assert exported.dropped["arena.jsonl"].counts["Arena rows hold pairs, this is a thumb"] == 1
    first = written(tmp_path / "arena.jsonl")[0]
    assert (first["model_a"], first["model_b"], first["winner"]) == ("base", "ppo-1", "model_b")
    again = read(tmp_path / "arena.jsonl")
    assert [one.answer["choice"] for one in again.judgments] == ["B", "both_bad", "tie"]
    assert [one.text for one in again.completions] == ["One.", "Two.", "Three."]


def test_parquet_tables_come_in_again(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    exported = export(FIVE_KINDS, "parquet", tmp_path)
    assert exported.counts == {"pairs.parquet": 4, "sft.parquet": 2, "kto.parquet": 3}
    pairs = read(tmp_path / "pairs.parquet")
    assert (len(pairs.judgments), pairs.prompts[0].messages) == (4, QUESTION)
    empty = export(replace(FIVE_KINDS, judgments=()), "parquet", tmp_path)
    assert empty.counts == {"pairs.parquet": 0, "sft.parquet": 0, "kto.parquet": 0}


def test_the_files_without_writing_them(tmp_path: Path) -> None:
    for format, out in [
        ("trl", "out"),
        ("arena", "out/arena.jsonl"),
        ("jsonl", "out/rather.jsonl"),
    ]:
        exported = export(FIVE_KINDS, format, tmp_path / out)  # type: ignore[arg-type]
        made, dropped = texts(FIVE_KINDS, format)  # type: ignore[arg-type]
        assert list(made) == [path.name for path in exported.files]
        assert dropped == exported.dropped
        for path in exported.files:
            assert made[path.name] == path.read_text("utf-8")


def test_events_that_no_longer_count_stay_at_home(tmp_path: Path) -> None:
    (first,) = judged(Pair(ONE.id, TWO.id, "A")).judgments
    edit = new_judgment(
        PROMPT.id, ANN, Pair(ONE.id, TWO.id, "B"), Circumstances(supersedes=first.id)
    )
    undo = new_judgment(
        PROMPT.id,
        ANN,
        Pair(ONE.id, TWO.id, "B"),
        Circumstances(supersedes=edit.id, is_retraction=True),
    )
    edited = replace(FIVE_KINDS, judgments=(first, edit))
    export(edited, "arena", tmp_path / "edited.jsonl")
    assert [row["winner"] for row in written(tmp_path / "edited.jsonl")] == ["model_b"]
    undone = export(replace(edited, judgments=(first, edit, undo)), "trl", tmp_path)
    assert undone.counts == {"pairs.jsonl": 0, "sft.jsonl": 0, "kto.jsonl": 0}


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(UsageError, match="out is a file and trl needs a folder"):
        export(FIVE_KINDS, "trl", tmp_path / "out")


TEXTS = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda text: text.strip())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False,
    allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


@st.composite
def collections(draw: st.DrawFn) -> Collected:
    """Prompts, completions and events of all five kinds, some edited, some taken back."""
    contents = draw(st.lists(TEXTS, min_size=1, max_size=3, unique=True))
    asked = []
    for content in contents:
        messages = (Message("user", content),)
        split = draw(st.sampled_from(["train", "heldout"]))
        is_text, tags = draw(st.booleans()), tuple(draw(st.lists(TEXTS, max_size=2)))
        asked.append(Prompt(prompt_id(messages), messages, split, is_text, draw(TEXTS), tags))
    answers = []
    for prompt in asked:
        for text in draw(st.lists(st.just("") | TEXTS, min_size=2, max_size=4, unique=True)):
            sampling = draw(st.dictionaries(TEXTS, VALUES, max_size=2))
            seed = draw(st.integers(-(2**63), 2**63 - 1))
            id = completion_id(prompt.id, "base", sampling, seed, text)
            answers.append(Completion(id, prompt.id, text, "base", sampling, seed, "length", 3))
    events: list[Judgment] = []
    for _ in range(draw(st.integers(0, 6))):
        events.append(draw(events_about(asked, answers, events)))
    return Collected(tuple(asked), tuple(answers), (ANN, SIM), tuple(events))


@st.composite
def events_about(
    draw: st.DrawFn, asked: list[Prompt], answers: list[Completion], before: list[Judgment]
) -> Judgment:
    prompt = draw(st.sampled_from(asked))
    ids = [answer.id for answer in answers if answer.prompt_id == prompt.id]
    ranks = draw(st.lists(st.integers(1, 5), min_size=len(ids), max_size=len(ids)))
    choice = draw(st.sampled_from(["A", "B", "tie", "both_bad"]))
    said: Answer = draw(
        st.sampled_from(
            [
                Pair(ids[0], ids[1], choice, draw(st.sampled_from([None, 1, 2, 3]))),
                Ranking(tuple(ids), tuple(ranks)),
                Demonstration(draw(TEXTS)),
                Correction(ids[0], draw(TEXTS)),
                Thumb(ids[1], draw(st.booleans())),
            ]
        )
    )
    taken = {event.supersedes for event in before}
    free = [None, *(event.id for event in before if event.id not in taken)]
    supersedes = draw(st.sampled_from(free))
    circumstances = Circumstances(
        source=draw(st.sampled_from(["label", "api"])),
        guidelines_hash=draw(st.just("") | TEXTS),
        ms_to_decision=draw(st.none() | st.integers(0, 10**12)),
        supersedes=supersedes,
        is_retraction=supersedes is not None and draw(st.booleans()),
    )
    return new_judgment(prompt.id, draw(st.sampled_from([ANN, SIM])), said, circumstances)


def stored(db: Database, data: Collected) -> Collected:
    prompts.add(db, data.prompts)
    completions.add(db, data.completions)
    labellers.add(db, data.labellers)
    judgments.record_many(db, data.judgments)
    return Collected(
        tuple(prompts.all(db)),
        tuple(completions.all(db)),
        tuple(labellers.all(db)),
        tuple(judgments.all(db)),
    )


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=collections())
def test_out_in_and_out_again_is_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: Collected
) -> None:
    folder = tmp_path_factory.mktemp("trip")
    with Database.open(folder / "first.db", create=True) as db:
        kept = stored(db, data)
    assert kept == data
    export(kept, "jsonl", folder / "first.jsonl")
    imported = read(folder / "first.jsonl")
    assert (imported.kind, imported.rejected) == ("rather", ())
    with Database.open(folder / "second.db", create=True) as db:
        again = stored(db, imported)
    export(again, "jsonl", folder / "second.jsonl")
    assert (folder / "second.jsonl").read_bytes() == (folder / "first.jsonl").read_bytes()
    assert again == data


def test_counts_of_our_own_file(tmp_path: Path) -> None:
    exported = export(FIVE_KINDS, "jsonl", tmp_path / "all.jsonl")
    assert exported.counts == {"prompts": 1, "completions": 3, "labellers": 1, "judgments": 7}
    assert exported.files == (tmp_path / "all.jsonl",)


@pytest.mark.parametrize("format", ["trl", "arena"])
def test_checks_and_what_an_admin_settled_are_not_exported(tmp_path: Path, format: Any) -> None:
    everything = judged(
        Pair(ONE.id, TWO.id, "B"),
        Thumb(TWO.id, True),
        Pair(ONE.id, TWO.id, "A"),
        Pair(ONE.id, THREE.id, "A"),
    )
    sources = ("label", "gold_check", "resolution", "repeat")
    events = [
        replace(one, source=source)
        for one, source in zip(everything.judgments, sources, strict=True)
    ]
    found = export(replace(everything, judgments=tuple(events)), format, tmp_path / "out")
    file = "pairs.jsonl" if format == "trl" else "out"
    assert found.counts[file] == 1
    assert sorted(found.dropped[file].counts) == [
        "an answer to a control item",
        "asked a second time, to see whether the answer stays",
        "settled by an admin",
    ]
    if format == "trl":
        (row,) = written(tmp_path / "out" / "pairs.jsonl")
        assert row["chosen"][0]["content"] == "One."
        assert found.counts["kto.jsonl"] == 0


def test_dimensions_come_back(tmp_path: Path) -> None:
    given = judged(Pair(ONE.id, TWO.id, "A", None, (("kind", "B"), ("true", "tie"))))
    export(given, "jsonl", tmp_path / "out.jsonl")
    (again,) = read(tmp_path / "out.jsonl").judgments
    assert again.answer["dimensions"] == {"kind": "B", "true": "tie"}
