"""Human data on its way out: TRL's files, Arena rows, the project's own file, Parquet."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from rather.data.collected import Collected
from rather.data.consent import consented
from rather.data.formats import native
from rather.durable import write_bytes, write_text
from rather.errors import EnvironmentFault, UsageError
from rather.feedback.kinds import answer_of
from rather.feedback.learning import Dropped, comparisons, demonstrations, passed_over
from rather.feedback.pair import Pair
from rather.records import Comparison, Judgment, Message, Prompt

ExportFormat = Literal["trl", "arena", "jsonl", "parquet"]
TextFormat = Literal["trl", "arena", "jsonl"]
Rows = list[dict[str, Any]]

_WINNERS = {"A": "model_a", "B": "model_b", "tie": "tie", "both_bad": "both_bad"}


@dataclass(frozen=True)
class Exported:
    """What was written where, and what could not be said in that format."""

    counts: dict[str, int]
    """Rows by file name, in the order written; for the project's own file, by type of line."""
    files: tuple[Path, ...]
    dropped: dict[str, Dropped] = field(default_factory=dict)
    """By file name."""


def export(collected: Collected, format: ExportFormat, out: Path) -> Exported:
    """Write the data in a format: jsonl and arena to the file `out`, trl and parquet to a folder.

    `collected.judgments` must be all events; only jsonl keeps those that no longer count. Without
    consent nothing leaves in any format.
    """
    if format == "jsonl":
        return _export_native(collected, out)
    if format == "arena":
        rows, dropped = arena_rows(collected)
        return _write({out: rows}, {out: dropped}, _write_jsonl)
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file and {format} needs a folder; choose another name.")
    out.mkdir(parents=True, exist_ok=True)
    suffix, write = ("parquet", _write_parquet) if format == "parquet" else ("jsonl", _write_jsonl)
    made = {out / f"{name}.{suffix}": rows_of(collected) for name, rows_of in _tables().items()}
    return _write(
        {path: rows for path, (rows, _) in made.items()},
        {path: dropped for path, (_, dropped) in made.items()},
        write,
    )


def texts(collected: Collected, format: TextFormat) -> tuple[dict[str, str], dict[str, Dropped]]:
    """What `export` would write, and what it would leave out, by file name; nothing is written."""
    if format == "jsonl":
        kept, unconsented = consented(collected)
        return {"rather.jsonl": _native_text(kept)}, {"rather.jsonl": unconsented}
    tables = {"arena": arena_rows} if format == "arena" else _tables()
    made = {f"{name}.jsonl": rows_of(collected) for name, rows_of in tables.items()}
    return (
        {name: _jsonl(rows) for name, (rows, _) in made.items()},
        {name: dropped for name, (_, dropped) in made.items()},
    )


def pair_rows(collected: Collected) -> tuple[Rows, Dropped]:
    """TRL's conversational preference rows; a ranking gives all its pairs, ties give none."""
    learnt, dropped = comparisons(_live(collected), collected.prompts, collected.completions)
    is_graded = any(comparison.strength > 1 for comparison in learnt)
    rows: Rows = []
    ties: list[tuple[str, str]] = []
    for comparison in learnt:
        ordered = list(_ordered(comparison))
        if not ordered:
            ties.append((comparison.judgment_id, "a tie prefers neither answer"))
        for chosen, rejected in ordered:
            row: dict[str, Any] = {
                "prompt": _messages(comparison.prompt),
                "chosen": [_assistant(chosen)],
                "rejected": [_assistant(rejected)],
            }
            if is_graded:
                row["margin"] = float(comparison.strength)
            rows.append(row | {"split": comparison.prompt.split})
    return rows, Dropped((*dropped.reasons, *ties))


def sft_rows(collected: Collected) -> tuple[Rows, Dropped]:
    """TRL's conversational prompt-completion rows, from demonstrations and corrections."""
    learnt, dropped = demonstrations(_live(collected), collected.prompts)
    rows = [
        {
            "prompt": _messages(demonstration.prompt),
            "completion": [_assistant(demonstration.completion)],
            "split": demonstration.prompt.split,
        }
        for demonstration in learnt
        if demonstration.prompt is not None
    ]
    return rows, dropped


def kto_rows(collected: Collected) -> tuple[Rows, Dropped]:
    """TRL's unpaired rows, from thumbs and from pairs of which both are bad."""
    prompts = {prompt.id: prompt for prompt in collected.prompts}
    texts = {completion.id: completion.text for completion in collected.completions}
    rows: Rows = []
    heard, reasons = _heard(collected)
    for judgment in heard:
        thumbs = answer_of(judgment).thumbs()
        if not thumbs:
            reasons.append((judgment.id, "it calls no answer good or bad by itself"))
        for id, is_good in thumbs:
            if not texts.get(id, "").strip():
                reasons.append((judgment.id, "a completion is empty or not known"))
                continue
            prompt = prompts[judgment.prompt_id]
            row = {"prompt": _messages(prompt), "completion": [_assistant(texts[id])]}
            rows.append(row | {"label": is_good, "split": prompt.split})
    return rows, Dropped(tuple(reasons))


def arena_rows(collected: Collected) -> tuple[Rows, Dropped]:
    """Arena's rows, one for each pair that was judged."""
    prompts = {prompt.id: prompt for prompt in collected.prompts}
    completions = {completion.id: completion for completion in collected.completions}
    rows: Rows = []
    heard, reasons = _heard(collected)
    for judgment in heard:
        answer = answer_of(judgment)
        if not isinstance(answer, Pair):
            reasons.append((judgment.id, f"Arena rows hold pairs, this is a {judgment.kind}"))
            continue
        if any(id not in completions for id in answer.completion_ids):
            reasons.append((judgment.id, "a completion is not known"))
            continue
        a, b = (completions[id] for id in answer.completion_ids)
        messages = _messages(prompts[judgment.prompt_id])
        rows.append(
            {
                "id": judgment.id,
                "model_a": a.model,
                "model_b": b.model,
                "winner": _WINNERS[answer.choice],
                "judge": judgment.labeller_id,
                "conversation_a": [*messages, _assistant(a.text)],
                "conversation_b": [*messages, _assistant(b.text)],
                "timestamp": judgment.created_at,
            }
        )
    return rows, Dropped(tuple(reasons))


def _tables() -> dict[str, Callable[[Collected], tuple[Rows, Dropped]]]:
    """TRL's files by name."""
    return {"pairs": pair_rows, "sft": sft_rows, "kto": kto_rows}


def _export_native(collected: Collected, out: Path) -> Exported:
    kept, dropped = consented(collected)
    write_text(out, _native_text(kept))
    counts = {
        "prompts": len(kept.prompts),
        "completions": len(kept.completions),
        "labellers": len(kept.labellers),
        "judgments": len(kept.judgments),
    }
    return Exported(counts, (out,), {out.name: dropped})


def _live(collected: Collected) -> list[Judgment]:
    superseded = {judgment.supersedes for judgment in collected.judgments}
    return [
        judgment
        for judgment in collected.judgments
        if judgment.id not in superseded and not judgment.is_retraction
    ]


def _heard(collected: Collected) -> tuple[list[Judgment], list[tuple[str, str]]]:
    """The live judgments that are listened to, and the others with the reason."""
    live = _live(collected)
    unheard = passed_over(live)
    return [one for one in live if one.id not in unheard], list(unheard.items())


def _ordered(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """(better, worse) of every two completions whose ranks differ."""
    ranked = zip(comparison.ranks, comparison.completions, strict=True)
    for (rank, text), (other_rank, other) in combinations(ranked, 2):
        if rank != other_rank:
            yield (text, other) if rank < other_rank else (other, text)


def _messages(prompt: Prompt | None) -> list[dict[str, str]]:
    messages: Iterable[Message] = () if prompt is None else prompt.messages
    return [{"role": message.role, "content": message.content} for message in messages]


def _assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _write(
    tables: dict[Path, Rows], dropped: dict[Path, Dropped], write: Callable[[Path, Rows], None]
) -> Exported:
    for path, rows in tables.items():
        write(path, rows)
    return Exported(
        {path.name: len(rows) for path, rows in tables.items()},
        tuple(tables),
        {path.name: left_out for path, left_out in dropped.items()},
    )


def _native_text(collected: Collected) -> str:
    return "".join(f"{line}\n" for line in native.lines(collected))


def _jsonl(rows: Rows) -> str:
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    return "".join(f"{line}\n" for line in lines)


def _write_jsonl(path: Path, rows: Rows) -> None:
    write_text(path, _jsonl(rows))


def _write_parquet(path: Path, rows: Rows) -> None:
    # Imported here because pyarrow is an extra.
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise EnvironmentFault(
            f"Writing {path} needs pyarrow; install it with: pip install 'rather[parquet]'."
        ) from error
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    write_bytes(path, sink.getvalue().to_pybytes())
