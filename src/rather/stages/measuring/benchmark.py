"""Pairs of a benchmark file, as RewardBench has them: {prompt, chosen, rejected, subset}.

They measure reward models and are not brought into the workspace, where they would count as
somebody's judgments. https://arxiv.org/abs/2403.13787.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rather.data.batch import Row
from rather.data.collected import BadField, Rejected
from rather.data.formats import pairs
from rather.data.identity import digest, prompt_id
from rather.data.judged import Judged, Opinion
from rather.data.rows import Row as FileRow
from rather.data.rows import read_rows
from rather.data.tokens import Codec
from rather.errors import DataError
from rather.evaluation.reward_model import Scores, cases_of, mean_scores
from rather.evaluation.statistics import mean
from rather.records import Prompt
from rather.stages import examples
from rather.stages.examples import LeftOut
from rather.stages.measuring.reward_numbers import numbers, shares_json

NO_SUBSET = "no subset"
UNUSABLE = "the row of the benchmark cannot be used"


@dataclass(frozen=True)
class Pair:
    """One row of the file."""

    prompt: Prompt
    chosen: str
    rejected: str
    subset: str
    where: str


@dataclass(frozen=True)
class Benchmark:
    """The rows of a file that can be used, and what was left out."""

    pairs: tuple[Pair, ...]
    left_out: LeftOut

    @property
    def digest(self) -> str:
        """Of all that is asked."""
        return digest([[p.prompt.id, p.chosen, p.rejected, p.subset] for p in self.pairs])

    def fitting(self, codecs: Sequence[Codec]) -> "Benchmark":
        """The pairs that every model can hold and spell; the others are counted."""
        kept = [pair for pair in self.pairs if all(self._row(pair, one) for one in codecs)]
        if not kept:
            raise DataError("No pair of the benchmark fits into the reward models' context.")
        return Benchmark(tuple(kept), self.left_out)

    def encoded(self, codec: Codec) -> list[Judged]:
        """The pairs as token rows, each its own; chosen before rejected."""
        rows = [self._row(pair, codec) for pair in self.pairs]
        return [Judged(row, (Opinion((0, 1), (1, 2)),)) for row in rows if row is not None]

    def _row(self, pair: Pair, codec: Codec) -> Row | None:
        texts = ((pair.chosen, False), (pair.rejected, False))
        return examples.encode(codec, pair.prompt, texts, self.left_out, pair.where)


def read(path: Path) -> Benchmark:
    """The pairs of a file (JSONL, JSON, CSV or Parquet); DataError where there is none."""
    left_out, found = LeftOut(), []
    for row in read_rows(path):
        one = row if isinstance(row, Rejected) else _pair(path, row)
        if isinstance(one, Rejected):
            left_out.add(UNUSABLE, str(one))
        else:
            found.append(one)
    if not found:
        example = f" (for example {left_out.examples[UNUSABLE][0]})" if left_out.counts else ""
        raise DataError(
            f"{path} has no pair: give rows of prompt, chosen, rejected and subset{example}."
        )
    return Benchmark(tuple(found), left_out)


def measured(
    rows: Benchmark, judged: Sequence[Judged], columns: Sequence[Scores]
) -> dict[str, Any]:
    """Accuracy on all pairs and by subset, and the mean over subsets, which weighs each alike."""
    cases = cases_of(judged, mean_scores(columns))
    by_subset = shares_json(cases, lambda case: (rows.pairs[case.pair[0]].subset,))
    return {
        **numbers(judged, columns),
        "by_subset": by_subset,
        "mean_over_subsets": mean([one["accuracy"]["value"] for one in by_subset.values()]),
    }


def _pair(path: Path, row: FileRow) -> Pair | Rejected:
    reject = partial(Rejected, str(path), row.line)
    subset = row.values.get("subset", NO_SUBSET)
    if not isinstance(subset, str):
        return reject("subset", "must be a text")
    try:
        draft = pairs.read(row.values)
    except BadField as bad:
        return reject(bad.field, bad.reason)
    chosen, rejected = (one.text for one in draft.completions)
    prompt = Prompt(prompt_id(draft.messages), draft.messages, "heldout", draft.is_text)
    return Pair(prompt, chosen, rejected, subset, f"{path.name}:{row.line}")
