"""What the Python API hands back: plain dataclasses, tables of records, and data frames of both."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from rather.errors import EnvironmentFault

if TYPE_CHECKING:
    from pandas import DataFrame

Record = TypeVar("Record")


@dataclass(frozen=True)
class Result:
    """What a stage did. `print(result)` says it in a sentence."""

    summary: str
    """What was done, in a sentence."""
    details: Mapping[str, Any] = field(repr=False)
    """JSON-able, all of it: what the command prints with `--json`."""

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Self:
        """Read a stage's answer; a field that is no detail of it keeps its default."""
        own = {one.name for one in fields(cls)} - {"details"}
        return cls(details=details, **{name: details[name] for name in own if name in details})

    def __getitem__(self, name: str) -> Any:
        return self.details[name]

    def __str__(self) -> str:
        return str(self.details.get("text") or self.summary)


@dataclass(frozen=True)
class Imported(Result):
    """What came in from a file."""

    kind: str = ""
    """prompts, demonstrations, pairs, rankings or thumbs."""
    rows: int = 0
    """Read from the file, the rejected ones included."""
    prompts: int = 0
    """Of the file, each once; `details["new_prompts"]` counts those not known before."""
    completions: int = 0
    """Of the file, each once."""
    judgments: int = 0
    """Of the file; `details["new_judgments"]` counts those not known before."""
    rejected: Sequence[str] = ()
    """A sentence a row that could not be used, with its place in the file."""


@dataclass(frozen=True)
class Sampled(Result):
    """What models answered."""

    stored: int = 0
    """New completions."""
    tokens: int = 0
    """Of all that was drawn."""
    duplicates: int = 0
    """Wanted, but what was drawn for them was there already, or empty."""
    too_long: int = 0
    """Left out, as their prompts exceed the model's context."""


@dataclass(frozen=True)
class Trained(Result):
    """A version of the model, and the numbers of the step it was taken from."""

    version: str = ""
    """Its name, as later stages and the server take it."""
    path: str = ""
    """Its folder, below the workspace's."""
    run_id: str = ""
    """The stage and a digest of settings and data; `project.metrics` takes it."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Named as in docs/training.md; KL in nats per completion, lengths in tokens."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many judgments could not be learnt from, by reason."""


@dataclass(frozen=True)
class Evaluation(Result):
    """Models on the same held-out prompts, each against the baseline."""

    baseline: str = ""
    """The model that all others are compared with."""
    num_prompts: int = 0
    """Held-out prompts that were answered."""
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """By model, as `to_records` has them."""

    def to_records(self) -> list[dict[str, Any]]:
        """A row a model: KL (nats), mean length (tokens), and of every judge the win rate against
        the baseline with its 95 % interval, as `win_rate/JUDGE`, `…/low`, `…/high`."""
        return [{"model": name, **_flat(one)} for name, one in self.models.items()]

    def to_frame(self) -> "DataFrame":
        """The rows of `to_records` as a data frame; EnvironmentFault without pandas."""
        return _frame(self.to_records())


@dataclass(frozen=True)
class Scores(Result):
    """What a reward model says of completions."""

    model: str = ""
    """The reward version that scored."""
    scores: Sequence[float] = ()
    """One a row, in their order; only differences mean something, and only on one prompt."""


@dataclass(frozen=True)
class Metric:
    """One number of a run at one of its steps; docs/training.md says what each name means."""

    step: int
    """Of the run, counted from 0."""
    name: str
    """As in docs/training.md."""
    value: float
    """Not-a-number where the step had none."""


class Table(Sequence[Record], Generic[Record]):
    """Records of the workspace, in the order they were made: iterate, index, or `to_frame()`."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> "Table[Record]": ...
    def __getitem__(self, place: int | slice) -> "Record | Table[Record]":
        found = self._records[place]
        return Table(found) if isinstance(place, slice) else found  # type: ignore[arg-type,return-value]

    def __repr__(self) -> str:
        return f"Table({len(self)} records)"

    def to_records(self) -> list[dict[str, Any]]:
        """A dictionary a record."""
        return [asdict(one) for one in self]  # type: ignore[call-overload]

    def to_frame(self) -> "DataFrame":
        """A row a record, a column a field; EnvironmentFault without pandas."""
        return _frame(self.to_records())


def _flat(one: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: value for name, value in one.items() if isinstance(value, int | float)}
    for judge, rate in one["win_rates"].items():
        name = f"win_rate/{judge}"
        numbers |= {name: rate["value"], f"{name}/low": rate["low"], f"{name}/high": rate["high"]}
    return numbers


def _frame(rows: Sequence[Mapping[str, Any]]) -> "DataFrame":
    # Imported here because pandas is an extra.
    try:
        from pandas import DataFrame
    except ImportError as error:
        raise EnvironmentFault(
            "A data frame needs pandas; install it with: pip install 'rather[frames]'."
        ) from error
    return DataFrame(rows)
