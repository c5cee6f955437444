"""Rows out of files, each with its position; what cannot be a row is rejected with a reason."""

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from rather.data.collected import Rejected
from rather.errors import DataError, EnvironmentFault

MAX_LINE_BYTES = 10_000_000
SUFFIXES = (".jsonl", ".ndjson", ".json", ".txt", ".csv", ".parquet")


@dataclass(frozen=True)
class Row:
    """One object of a file."""

    line: int
    values: dict[str, Any]


def read_rows(path: Path) -> Iterator[Row | Rejected]:
    """The rows of a file, told apart by its suffix, in order.

    Raises DataError where the file is missing or of no known kind.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        raise DataError(f"There is no file {path}; check the path.")
    if suffix not in SUFFIXES:
        raise DataError(
            f"The file {path} is of no known kind; it must end in one of {', '.join(SUFFIXES)}."
        )
    if suffix == ".parquet":
        yield from _parquet_rows(path)
    elif suffix == ".csv":
        yield from _csv_rows(path)
    elif suffix == ".json" and _first_byte(path) == b"[":
        yield from _array_rows(path)
    else:
        for line, text in _lines(path):
            if isinstance(text, Rejected):
                yield text
            elif suffix == ".txt":
                yield _checked(path, line, {"prompt": text})
            else:
                yield _object(path, line, text)


def _lines(path: Path) -> Iterator[tuple[int, str | Rejected]]:
    """The lines that are not blank; a byte order mark and CRLF are accepted."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
                _skip_line(file)
                reason = f"is longer than {MAX_LINE_BYTES // 1_000_000} MB"
                yield number, Rejected(str(path), number, "", f"the line {reason}")
                continue
            if number == 1:
                if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise DataError(f"The file {path} is UTF-16; save it as UTF-8.")
                line = line.removeprefix(b"\xef\xbb\xbf")
            try:
                text = line.decode("utf-8").strip("\r\n")
            except UnicodeDecodeError as error:
                reason = f"byte {error.start + 1} of the line is not UTF-8"
                yield number, Rejected(str(path), number, "", reason)
                continue
            if text.strip():
                yield number, text


def _skip_line(file: BinaryIO) -> None:
    while (part := file.readline(MAX_LINE_BYTES)) and not part.endswith(b"\n"):
        pass


def _object(path: Path, line: int, text: str) -> Row | Rejected:
    try:
        values = _parse(text)
    except RecursionError:
        return Rejected(str(path), line, "", "the JSON is nested too deeply")
    except json.JSONDecodeError as error:
        where = f"column {error.colno}"
        return Rejected(str(path), line, "", f"the line is not JSON ({error.msg} at {where})")
    except ValueError as error:
        return Rejected(str(path), line, "", str(error))
    return _checked(path, line, values)


def _array_rows(path: Path) -> Iterator[Row | Rejected]:
    """A .json file that is one list, as Alpaca and ShareGPT data are shared."""
    try:
        items = _parse(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"The file {path} is not a JSON list ({error}); mend it, or write one object a line "
            "to a .jsonl file."
        ) from error
    for number, values in enumerate(items, start=1):
        yield _checked(path, number, values)


def _parse(text: str) -> Any:
    return json.loads(
        text,
        object_pairs_hook=_distinct,
        parse_constant=_refuse_constant,
        parse_float=_finite,
    )


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!a} stands twice in one object")
    return values


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _checked(path: Path, line: int, values: Any) -> Row | Rejected:
    if not isinstance(values, dict):
        kind = type(values).__name__
        return Rejected(str(path), line, "", f"the row must be an object, it is a {kind}")
    for field, value in values.items():
        if reason := _unusable(field) or _unusable(value):
            return Rejected(str(path), line, ascii(field).strip("'"), reason)
    return Row(line, values)


def _unusable(value: Any) -> str:
    """Why a value cannot be stored on every database; empty when it can."""
    if isinstance(value, str):
        if "\x00" in value:
            return "holds a NUL character"
        if any("\ud800" <= character <= "\udfff" for character in value):
            return "holds half a surrogate pair, which is not Unicode"
    elif isinstance(value, dict):
        return next(filter(None, map(_unusable, [*value, *value.values()])), "")
    elif isinstance(value, list):
        return next(filter(None, map(_unusable, value)), "")
    elif isinstance(value, float) and not math.isfinite(value):
        return "holds a number that is not finite"
    return ""


def _first_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]


def _csv_rows(path: Path) -> Iterator[Row | Rejected]:
    """Every cell is a text (but the label true or false); an empty cell is a missing field."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for cells in reader:
                if None in cells:
                    reason = "the row has more cells than the header"
                    yield Rejected(str(path), reader.line_num, "", reason)
                    continue
                values = {name: _cell(name, cell) for name, cell in cells.items() if cell}
                yield _checked(path, reader.line_num, values)
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(
                f"The file {path} cannot be read after line {reader.line_num} ({error}); save it "
                "as CSV in UTF-8."
            ) from error


def _cell(name: str, cell: str) -> str | bool:
    if name == "label" and cell.lower() in ("true", "false"):
        return cell.lower() == "true"
    return cell


def _parquet_rows(path: Path) -> Iterator[Row | Rejected]:
    # Imported here because pyarrow is an extra.
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise EnvironmentFault(
            f"Reading {path} needs pyarrow; install it with: pip install 'rather[parquet]'."
        ) from error
    try:
        number = 0
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=1000):
            for values in batch.to_pylist():
                number += 1
                # Writers of Parquet leave None or not-a-number where a row has no value.
                present = {
                    name: value
                    for name, value in values.items()
                    if value is not None and value == value
                }
                yield _checked(path, number, present)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"The file {path} is not sound Parquet ({str(error).splitlines()[0]}); write it again."
        ) from error
