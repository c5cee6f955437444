"""A tree of files in object storage: complete or absent, and each file with its own bytes."""

import hashlib
from pathlib import Path

import pytest

from rather.bucket import snapshots
from rather.bucket.place import Place
from rather.bucket.snapshots import Entry
from rather.errors import DataError, EnvironmentFault

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
"""SHA-256 of `hello`, as `sha256sum` gives it."""


def files(folder: Path, **texts: str) -> dict[str, tuple[Path, Entry]]:
    folder.mkdir(exist_ok=True)
    found = {}
    for name, text in texts.items():
        (folder / name).write_text(text)
        entry = Entry(hashlib.sha256(text.encode()).hexdigest(), len(text))
        found[name] = (folder / name, entry)
    return found


@pytest.fixture
def place(store: str) -> Place:
    return Place.at(store)


def nothing(num_bytes: int) -> None: ...


def test_objects_are_named_by_their_bytes_and_sent_once(place: Place, tmp_path: Path) -> None:
    sent = snapshots.send(place, files(tmp_path / "a", one="hello", two="hello"), nothing)[1]
    assert sent == 5
    assert place.sizes("objects") == {f"objects/2c/{HELLO}": 5}
    assert snapshots.send(place, files(tmp_path / "b", three="hello"), nothing)[1] == 0
    assert place.read(f"objects/2c/{HELLO}") == b"hello"


def test_there_is_nothing_until_a_snapshot_is_there(place: Place, tmp_path: Path) -> None:
    assert snapshots.newest(place) is None
    made, _ = snapshots.send(place, files(tmp_path / "a", one="hello"), nothing)
    assert snapshots.newest(place) == made
    assert made.files == {"one": Entry(HELLO, 5)}


def test_two_snapshots_stay_and_objects_only_older_ones_named_go(
    place: Place, tmp_path: Path
) -> None:
    for text in ("hello", "second", "third!"):
        snapshots.send(place, files(tmp_path / "a", changes=text, stays="the same"), nothing)
    assert [name[:16] for name in sorted(place.sizes("snapshots"))] == [
        "snapshots/000002", "snapshots/000003",
    ]  # fmt: skip
    assert sorted(place.sizes("objects").values()) == [6, 6, 8]
    assert f"objects/2c/{HELLO}" not in place.sizes("objects")


def test_a_snapshot_that_is_not_whole_is_passed_over(place: Place, tmp_path: Path) -> None:
    first, _ = snapshots.send(place, files(tmp_path / "a", one="hello"), nothing)
    second, _ = snapshots.send(place, files(tmp_path / "a", one="changed"), nothing)
    place.write(second.name, place.read(second.name)[:-9])
    assert snapshots.newest(place) == first
    place.write(first.name, b"{}")
    with pytest.raises(DataError, match="has 2 snapshots, all damaged"):
        snapshots.newest(place)


def test_what_was_broken_off_is_used_and_a_part_of_a_file_is_sent_anew(
    place: Place, tmp_path: Path
) -> None:
    place.write(f"objects/2c/{HELLO}", b"hel")  # as a file system may be left by kill -9
    snapshots.send(place, files(tmp_path / "a", one="hello"), nothing)
    assert place.read(f"objects/2c/{HELLO}") == b"hello"


def test_what_did_not_arrive_is_no_snapshot(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Place, "send", lambda self, path, name: self.write(name, b"hel"))
    with pytest.raises(EnvironmentFault, match=r"one did not arrive in .* as it was sent"):
        snapshots.send(place, files(tmp_path / "a", one="hello"), nothing)
    assert snapshots.newest(place) is None


def test_received_files_have_their_bytes_and_those_that_are_there_are_not_fetched(
    place: Place, tmp_path: Path
) -> None:
    made, _ = snapshots.send(place, files(tmp_path / "a", one="hello", two="more"), nothing)
    to = tmp_path / "to"
    to.mkdir()
    (to / "one").write_text("hello")
    (to / "two").write_text("torn")
    assert snapshots.receive(place, made, to, nothing) == 1
    assert (to / "two").read_text() == "more"
    assert sorted(path.name for path in to.iterdir()) == ["one", "two"]


def test_an_object_with_other_bytes_is_never_taken(place: Place, tmp_path: Path) -> None:
    made, _ = snapshots.send(place, files(tmp_path / "a", one="hello"), nothing)
    place.write(f"objects/2c/{HELLO}", b"jello")
    with pytest.raises(DataError, match=r"one in .* is damaged \(its object objects/2c/2cf24"):
        snapshots.receive(place, made, tmp_path / "to", nothing)
    assert list((tmp_path / "to").iterdir()) == []


def test_no_snapshot_leads_out_of_the_folder(place: Place) -> None:
    data = b'{"format": 1, "files": {"../../evil": ["' + HELLO.encode() + b'", 5]}}'
    place.write(f"snapshots/000001-{hashlib.sha256(data).hexdigest()}", data)
    with pytest.raises(DataError, match=r"names \.\./\.\./evil, which is outside a workspace"):
        snapshots.newest(place)
