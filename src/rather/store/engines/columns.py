"""What tables are made of: the types of text, which refuse what some database could not store."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Integer, MetaData, Text
from sqlalchemy.types import TypeDecorator

from rather.errors import DataError


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _refuse_unstorable(value: Any) -> None:
    for text in _texts(value):
        shown = ascii(text[:40])
        if "\x00" in text:
            raise DataError(
                f"The text {shown} holds a NUL character, which no database keeps; remove it."
            )
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise DataError(
                f"The text {shown} holds half a surrogate pair, which is not Unicode; remove it."
            )


class Words(TypeDecorator[str]):
    """Text of any length; NUL and lone surrogates are a DataError on every back-end."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        _refuse_unstorable(value)
        return value


class Document(TypeDecorator[Any]):
    """JSON with the same refusals, keys kept in their order."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        _refuse_unstorable(value)
        return value


METADATA = MetaData()
"""Of every table of the store."""


def seq() -> Column[int]:
    """The number of a row, in the order they came."""
    # SQLite numbers rows by itself only where the type is spelt INTEGER.
    return Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


def words(name: str, *, nullable: bool = False, unique: bool = False) -> Column[str]:
    """A column of text."""
    return Column(name, Words, nullable=nullable, unique=unique)
