"""Files of human data, in whatever usual shape, turned into what the store keeps.

The kind is told from the fields of the first row that can be read. A row that cannot be used is
rejected with file, line, field and reason; the others count.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, get_args

from rather.data.collected import BadField, Collected, Rejected
from rather.data.formats import demonstrations, native, pairs, prompts, rankings, thumbs
from rather.data.formats.draft import Draft
from rather.data.identity import digest, imported_labeller_id, prompt_id, split_of
from rather.data.rows import Row, read_rows
from rather.errors import DataError
from rather.feedback.answer import Answer
from rather.feedback.events import Circumstances, new_judgment
from rather.records import Completion, Judgment, Labeller, Prompt

OnError = Literal["skip", "stop"]
ImportKind = Literal["prompts", "demonstrations", "pairs", "rankings", "thumbs", "rather"]

_READERS: dict[str, Callable[[dict[str, Any]], Draft]] = {
    "prompts": prompts.read,
    "demonstrations": demonstrations.read,
    "pairs": pairs.read,
    "rankings": rankings.read,
    "thumbs": thumbs.read,
}

_SIGNS: tuple[tuple[ImportKind, tuple[str, ...]], ...] = (
    ("pairs", ("chosen", "rejected")),
    ("pairs", ("conversation_a", "conversation_b", "winner")),
    ("pairs", ("a", "b", "votes")),
    ("pairs", ("a", "b", "label")),
    ("rankings", ("completions", "ranks")),
    ("thumbs", ("completion", "label")),
    ("thumbs", ("messages", "label")),
    ("demonstrations", ("prompt", "completion")),
    ("demonstrations", ("prompt", "response")),
    ("demonstrations", ("instruction", "output")),
    ("prompts", ("prompt",)),
    ("prompts", ("question",)),
    ("prompts", ("turns",)),
    ("prompts", ("instruction",)),
    ("prompts", ("text",)),
)
"""A row with all these fields is of that kind; the first that fits decides."""


@dataclass(frozen=True)
class Imported(Collected):
    """What a file gave; every row is either in here or rejected."""

    kind: ImportKind = "prompts"
    num_rows: int = 0
    """Rows read, the rejected ones included."""
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True)
class SplitRule:
    """How prompts that come in are divided."""

    seed: int = 0
    heldout_fraction: float = 0.2


_DEFAULT_SPLIT = SplitRule()


def detect(rows: Iterable[Mapping[str, Any]]) -> ImportKind | None:
    """What the rows are, by the fields of the first; None where that cannot be told."""
    values = next(iter(rows), None)
    if values is None:
        return None
    if native.is_header(dict(values)):
        return "rather"
    for kind, names in _SIGNS:
        if all(name in values for name in names):
            return kind
    for field in ("messages", "conversations"):
        turns = values.get(field)
        if isinstance(turns, list) and turns and isinstance(turns[-1], dict):
            last = turns[-1].get("role", turns[-1].get("from"))
            return "prompts" if last in ("user", "human") else "demonstrations"
    return None


def read(
    path: Path,
    kind: ImportKind | None = None,
    *,
    on_error: OnError = "skip",
    split: SplitRule = _DEFAULT_SPLIT,
) -> Imported:
    """Everything a file holds, as `kind` or as what it looks like.

    Raises DataError where there is no such file, nothing in it, no way to tell its kind, or (with
    `stop`) a row that cannot be used: the first is named, all are counted.
    """
    rows = read_rows(path)
    unread, first = _first_row(rows)
    if kind is None or kind == "rather":
        kind = _kind_of(path, first, kind)
    source = _Native(path) if kind == "rather" else _Foreign(path.name, _READERS[kind], split)
    rejected: list[Rejected] = []
    num_rows = 0
    for row in chain(unread, rows):
        num_rows += 1
        problem = row if isinstance(row, Rejected) else _add(source, path, row)
        if problem is not None:
            rejected.append(problem)
    if rejected and on_error == "stop":
        raise DataError(
            f"{rejected[0]}; {len(rejected)} of {num_rows} rows cannot be used, so nothing was "
            "imported: mend them, or leave them out with --on-error skip."
        )
    data = source.collected()
    return Imported(
        data.prompts, data.completions, data.labellers, data.judgments,
        kind, num_rows, tuple(rejected),
    )  # fmt: skip


def _first_row(rows: Iterator[Row | Rejected]) -> tuple[list[Row | Rejected], Row | None]:
    """Read up to the first row that can be read; what was read, and that row."""
    unread: list[Row | Rejected] = []
    for row in rows:
        unread.append(row)
        if isinstance(row, Row):
            return unread, row
    return unread, None


def _kind_of(path: Path, first: Row | None, asked: ImportKind | None) -> ImportKind:
    if asked is None and first is None:
        raise DataError(f"The file {path} holds no row that can be read; check what is in it.")
    found = detect([] if first is None else [first.values])
    if found is None or (asked is not None and found != asked):
        names = ", ".join(list(first.values)[:8]) if first else "none"
        kinds = ", ".join(get_args(ImportKind)[:-1])
        raise DataError(
            f"The rows of {path} do not say what they are (fields: {names}); say it with "
            f"--as, one of {kinds}."
        )
    return found


def _add(source: "_Native | _Foreign", path: Path, row: Row) -> Rejected | None:
    try:
        source.add(row.values)
    except BadField as bad:
        return Rejected(str(path), row.line, bad.field, bad.reason)
    return None


class _Native:
    """A file of the project's own format."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._reader = native.Reader()

    def add(self, values: dict[str, Any]) -> None:
        if native.is_header(values):
            native.check_header(values, self._path)
        else:
            self._reader.read(values)

    def collected(self) -> Collected:
        return self._reader.collected()


class _Foreign:
    """Rows of somebody else's format; equal prompts, completions and labellers become one."""

    def __init__(
        self, source: str, read_row: Callable[[dict[str, Any]], Draft], split: SplitRule
    ) -> None:
        self._source = source
        self._read_row = read_row
        self._split = split
        self._prompts: dict[str, Prompt] = {}
        self._completions: dict[str, Completion] = {}
        self._labellers: dict[str, Labeller] = {}
        self._judgments: list[Judgment] = []
        self._said: Counter[str] = Counter()

    def add(self, values: dict[str, Any]) -> None:
        draft = self._read_row(values)
        id = prompt_id(draft.messages)
        if id not in self._prompts:
            split = split_of(id, self._split.seed, self._split.heldout_fraction)
            prompt = Prompt(id, draft.messages, split, draft.is_text, self._source)
            self._prompts[id] = prompt
        for completion in draft.completions:
            self._completions.setdefault(completion.id, completion)
        for name, answer in draft.verdicts:
            self._judge(id, name, answer)

    def _judge(self, prompt_id: str, name: str, answer: Answer) -> None:
        labeller = Labeller(imported_labeller_id(name), name, is_simulated=False)
        self._labellers.setdefault(labeller.id, labeller)
        # The same file again gives the same keys, so nothing counts twice; a vote that the file
        # itself repeats is numbered, so it does.
        said = digest([prompt_id, labeller.id, answer.kind, answer.to_answer()])
        key = f"import:{said[:40]}:{self._said[said]}"
        self._said[said] += 1
        circumstances = Circumstances(source="import", idempotency_key=key)
        self._judgments.append(new_judgment(prompt_id, labeller, answer, circumstances))

    def collected(self) -> Collected:
        return Collected(
            tuple(self._prompts.values()),
            tuple(self._completions.values()),
            tuple(self._labellers.values()),
            tuple(self._judgments),
        )
