"""Rows of a benchmark: {prompt, chosen, rejected, subset}, each answer a text or a list of them.

One of each as RewardBench has it (https://arxiv.org/abs/2403.13787), one or several chosen before
several rejected as RewardBench 2 has it (https://arxiv.org/abs/2506.01937). They measure reward
models and are not brought into the workspace, where they would count as somebody's judgments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rather.data.batch import Row
from rather.data.collected import BadField, Rejected
from rather.data.conversations import answer_of, prompt_of
from rather.data.formats import pairs
from rather.data.identity import digest, prompt_id
from rather.data.judged import Judged, Opinion
from rather.data.rows import Row as FileRow
from rather.data.rows import read_rows
from rather.data.tokens import Codec
from rather.errors import DataError
from rather.evaluation.benchmark import chance, share
from rather.evaluation.reward_model import Scores, mean_scores
from rather.evaluation.statistics import mean
from rather.records import Prompt
from rather.stages import examples
from rather.stages.examples import LeftOut
from rather.stages.measuring.reward_numbers import numbers, share_json

NO_SUBSET = "no subset"
UNUSABLE = "the row of the benchmark cannot be used"
Answers = tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """One row of the file."""

    prompt: Prompt
    chosen: Answers
    rejected: Answers
    subset: str
    where: str

    @property
    def ranks(self) -> tuple[int, ...]:
        """1 for the chosen answers, then 2 for the rejected."""
        return (1,) * len(self.chosen) + (2,) * len(self.rejected)


@dataclass(frozen=True)
class Benchmark:
    """The rows of a file that can be used, and what was left out."""

    questions: tuple[Question, ...]
    left_out: LeftOut

    @property
    def digest(self) -> str:
        """Of all that is asked."""
        return digest([[q.prompt.id, q.chosen, q.rejected, q.subset] for q in self.questions])

    def fitting(self, codecs: Sequence[Codec]) -> "Benchmark":
        """The questions that every model can hold and spell; the others are counted."""
        kept = [one for one in self.questions if all(self._row(one, codec) for codec in codecs)]
        if not kept:
            raise DataError("No row of the benchmark fits into the reward models' context.")
        return Benchmark(tuple(kept), self.left_out)

    def encoded(self, codec: Codec) -> list[Judged]:
        """The questions as token rows; chosen before rejected."""
        rows = [(one, self._row(one, codec)) for one in self.questions]
        return [
            Judged(row, (Opinion(tuple(range(len(one.ranks))), one.ranks),))
            for one, row in rows
            if row is not None
        ]

    def _row(self, one: Question, codec: Codec) -> Row | None:
        texts = tuple((text, False) for text in one.chosen + one.rejected)
        return examples.encode(codec, one.prompt, texts, self.left_out, one.where)


def read(path: Path) -> Benchmark:
    """The rows of a file (JSONL, JSON, CSV or Parquet); DataError where none can be used."""
    left_out, found = LeftOut(), []
    for row in read_rows(path):
        one = row if isinstance(row, Rejected) else _question(path, row)
        if isinstance(one, Rejected):
            left_out.add(UNUSABLE, str(one))
        else:
            found.append(one)
    if not found:
        example = f" (for example {left_out.examples[UNUSABLE][0]})" if left_out.counts else ""
        raise DataError(
            f"{path} has nothing to measure on: give rows of prompt, chosen, rejected and "
            f"subset{example}."
        )
    return Benchmark(tuple(found), left_out)


def measured(
    rows: Benchmark, judged: Sequence[Judged], columns: Sequence[Scores]
) -> dict[str, Any]:
    """Accuracy on all rows and by subset, and the mean over subsets, which weighs each alike.

    Calibration and spread are those of the pairs of a chosen and a rejected answer.
    """
    scores = mean_scores(columns)
    lengths = [[float(len(one)) for one in judged_.row.completions] for judged_ in judged]
    subsets: dict[str, list[int]] = {}
    for place, one in enumerate(rows.questions):
        subsets.setdefault(one.subset, []).append(place)

    def of(places: Sequence[int]) -> dict[str, Any]:
        chosen = [len(rows.questions[place].chosen) for place in places]
        found = share([scores[p] for p in places], [lengths[p] for p in places], chosen)
        asked = [rows.questions[place] for place in places]
        return {
            **share_json(found),
            "chance": mean([chance(len(one.chosen), len(one.rejected)) for one in asked]),
        }

    by_subset = {name: of(places) for name, places in sorted(subsets.items())}
    return {
        **numbers(judged, columns),
        **of(range(len(judged))),
        "by_subset": by_subset,
        "mean_over_subsets": mean([one["accuracy"]["value"] for one in by_subset.values()]),
    }


def _question(path: Path, row: FileRow) -> Question | Rejected:
    reject = partial(Rejected, str(path), row.line)
    subset = row.values.get("subset", NO_SUBSET)
    if not isinstance(subset, str):
        return reject("subset", "must be a text")
    try:
        prompt, chosen, rejected = _asked(row.values)
    except BadField as bad:
        return reject(bad.field, bad.reason)
    return Question(prompt, chosen, rejected, subset, f"{path.name}:{row.line}")


def _asked(values: Mapping[str, Any]) -> tuple[Prompt, Answers, Answers]:
    for field in ("chosen", "rejected"):
        if field not in values:
            raise BadField(field, "is missing")
    if _is_several(values["chosen"]) or _is_several(values["rejected"]):
        messages, is_text = prompt_of(dict(values))
        chosen, rejected = (
            _answers(values["chosen"], "chosen"),
            _answers(values["rejected"], "rejected"),
        )
        if set(chosen) & set(rejected):
            raise BadField("rejected", "has an answer that is chosen, too")
    else:
        draft = pairs.read(dict(values))
        messages, is_text = draft.messages, draft.is_text
        chosen, rejected = ((one.text,) for one in draft.completions)
    return Prompt(prompt_id(messages), messages, "heldout", is_text), chosen, rejected


def _is_several(value: Any) -> bool:
    """A list of answers; a list of messages is a conversation."""
    return isinstance(value, list) and not all(isinstance(one, dict) for one in value)


def _answers(value: Any, field: str) -> Answers:
    given = value if _is_several(value) else [value]
    return tuple(answer_of(one, field) for one in given)
