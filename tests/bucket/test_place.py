"""A folder in object storage: what is asked of it, and the sentence where it cannot be."""

from pathlib import Path

import pytest

from rather.bucket import place
from rather.bucket.place import Place
from rather.errors import EnvironmentFault, UsageError


def test_what_is_written_is_read_listed_and_removed(tmp_path: Path) -> None:
    there = Place.at(f"file://{tmp_path}/store")
    assert there.sizes() == {}
    there.write("a/b.txt", b"four")
    (tmp_path / "sent").write_bytes(b"123456")
    there.send(tmp_path / "sent", "a/c/d")
    assert there.sizes() == {"a/b.txt": 4, "a/c/d": 6}
    assert there.sizes("a/c") == {"a/c/d": 6}
    assert there.read("a/b.txt") == b"four"
    there.fetch("a/c/d", tmp_path / "came")
    assert (tmp_path / "came").read_bytes() == b"123456"
    there.remove("a/c/d")
    there.remove("a/c/d")
    assert there.sizes() == {"a/b.txt": 4}


def test_memory_is_a_storage_too() -> None:
    there = Place.at("memory://for-this-test/deep")
    there.write("x/y", b"1")
    assert there.sizes() == {"x/y": 1}
    assert there.stamps(["x/y"]) == Place.at("memory://for-this-test/deep").stamps(["x/y"])


def test_a_client_that_is_missing_is_named() -> None:
    with pytest.raises(EnvironmentFault, match=r"gs://b/f needs .*pip install 'rather\[gcs\]'"):
        Place.at("gs://b/f")


def test_an_address_that_nobody_knows() -> None:
    with pytest.raises(UsageError, match="nosuch://b/f is no storage that is known"):
        Place.at("nosuch://b/f")


def test_what_is_not_there_is_said_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"Could not read gone from file://.*/store"):
        Place.at(f"file://{tmp_path}/store").read("gone")


def test_a_secret_in_an_address_is_never_shown() -> None:
    assert Place.at("memory://user:hidden@host/f").shown == "memory://user:***@host/f"
    assert place._words(OSError("at s3://key:hidden@host failed.\nmore")) == (
        "at s3://key:***@host failed"
    )


def test_mistakes_of_ours_keep_their_traceback(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        Place.at(f"file://{tmp_path}/store").write("a", 7)  # type: ignore[arg-type]
