"""The project's own file: one typed JSON line a record, which loses nothing.

{"type": "rather", "version": 1}, then lines of type prompt, completion, labeller, judgment; none
names what comes later. Export, import into an empty store and export again: the same bytes.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rather.data.collected import BadField, Collected
from rather.data.conversations import messages_of
from rather.data.identity import prompt_id
from rather.errors import DataError, UsageError
from rather.feedback.kinds import KINDS, answer_of
from rather.records import Completion, Judgment, Labeller, Prompt

VERSION = 1
Record = Prompt | Completion | Labeller | Judgment

_TYPES: dict[str, type[Record]] = {
    "prompt": Prompt,
    "completion": Completion,
    "labeller": Labeller,
    "judgment": Judgment,
}
_ADAPTERS: dict[str, TypeAdapter[Any]] = {name: TypeAdapter(type) for name, type in _TYPES.items()}
_MAX_INTEGER = 2**63


def lines(collected: Collected) -> Iterator[str]:
    """The file's lines, each without its end."""
    yield json.dumps({"type": "rather", "version": VERSION})
    groups: tuple[tuple[str, tuple[Record, ...]], ...] = (
        ("prompt", collected.prompts),
        ("completion", collected.completions),
        ("labeller", collected.labellers),
        ("judgment", collected.judgments),
    )
    for name, records in groups:
        for record in records:
            values = {"type": name} | asdict(record)
            yield json.dumps(values, ensure_ascii=False, allow_nan=False)


def is_header(values: dict[str, Any]) -> bool:
    """Whether a row begins a file of this format."""
    return values.get("type") == "rather" and "version" in values


def check_header(values: dict[str, Any], path: str) -> None:
    """UsageError where the file is of a newer version than this one."""
    if values["version"] != VERSION:
        raise UsageError(
            f"The file {path} is a rather file of version {values['version']} and this rather "
            f"knows version {VERSION}; install a newer rather."
        )


class Reader:
    """Reads a file's lines in order and holds each to the ones before it."""

    def __init__(self) -> None:
        self._ids: dict[type[Record], dict[str, Record]] = {kind: {} for kind in _TYPES.values()}
        self._keys: set[str] = set()
        self._superseded: set[str] = set()

    def read(self, values: dict[str, Any]) -> None:
        """Take one line; BadField where it does not fit."""
        record = _record(values)
        known = self._ids[type(record)]
        if record.id in known:
            raise BadField("id", f"{record.id} stands twice in this file")
        if isinstance(record, Completion | Judgment):
            self._require(Prompt, "prompt_id", record.prompt_id)
        if isinstance(record, Judgment):
            self._check_judgment(record)
        known[record.id] = record

    def collected(self) -> Collected:
        """Everything read, in the order of the file."""
        records = [record for known in self._ids.values() for record in known.values()]
        return Collected(
            tuple(record for record in records if isinstance(record, Prompt)),
            tuple(record for record in records if isinstance(record, Completion)),
            tuple(record for record in records if isinstance(record, Labeller)),
            tuple(record for record in records if isinstance(record, Judgment)),
        )

    def _check_judgment(self, judgment: Judgment) -> None:
        self._require(Labeller, "labeller_id", judgment.labeller_id)
        for id in answer_of(judgment).completion_ids:
            self._require(Completion, "answer", id)
        if judgment.idempotency_key in self._keys:
            raise BadField("idempotency_key", "stands twice in this file")
        if judgment.supersedes is not None:
            self._require(Judgment, "supersedes", judgment.supersedes)
            if judgment.supersedes in self._superseded:
                raise BadField("supersedes", f"{judgment.supersedes} was superseded before")
            self._superseded.add(judgment.supersedes)
        self._keys.add(judgment.idempotency_key)

    def _require(self, kind: type[Record], field: str, id: str) -> None:
        if id not in self._ids[kind]:
            raise BadField(field, f"names {id}, which no line above defines")


def _record(values: dict[str, Any]) -> Record:
    name = values.get("type")
    if name not in _TYPES:
        raise BadField("type", f"must be one of {', '.join(_TYPES)}, it is {name!r}")
    given = {field: value for field, value in values.items() if field != "type"}
    known = {field.name for field in fields(_TYPES[name])}
    for field in given:
        if field not in known:
            raise BadField(field, f"is no field of a {name}")
    try:
        record: Record = _ADAPTERS[name].validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadField(where, f"is wrong: {first['msg']}") from error
    _check_content(record, given)
    return record


def _check_content(record: Record, given: dict[str, Any]) -> None:
    if isinstance(record, Prompt):
        if messages_of(given["messages"], "messages") != record.messages:
            raise BadField("messages", "has roles or contents that are not in their plain form")
        if any(set(message) != {"role", "content"} for message in given["messages"]):
            raise BadField("messages", "may hold role and content only")
        if record.id != prompt_id(record.messages):
            raise BadField("id", "is not the id of these messages")
    if isinstance(record, Completion) and not -_MAX_INTEGER <= record.seed < _MAX_INTEGER:
        raise BadField("seed", "does not fit into 64 bits")
    if isinstance(record, Judgment):
        try:
            KINDS[record.kind].from_answer(record.answer)
        except DataError as error:
            raise BadField("answer", f"is wrong: {error}") from error
