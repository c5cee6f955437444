"""The file an admin saves is the file that `rather export` writes."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rather.data.collected import Collected
from rather.data.exporting import export
from rather.feedback.demonstration import Demonstration
from rather.feedback.pair import Pair
from rather.store import completions, judgments, labellers, prompts
from rather.store.database import Database

URL = "/api/admin/export"


@pytest.fixture
def said(team: Any) -> None:
    team.says("ann", Pair("c0a", "c0b", "A"), "p0")
    team.says("bob", Pair("c1a", "c1b", "tie"), "p1")
    team.says("bob", Demonstration("Überall “so” 🙂"), "p2")
    team.says("sim", Pair("c2a", "c2b", "A"), "p2")


def left_out(reply: Any) -> Any:
    return json.loads(reply.headers["X-Rather-Left-Out"])


def test_the_same_bytes_as_the_command(
    ada: TestClient, said: None, db: Database, tmp_path: Path
) -> None:
    everything = Collected(
        tuple(prompts.all(db)), tuple(completions.all(db)),
        tuple(one for one in labellers.all(db) if one.id in ("ann", "bob", "sim:x")),
        tuple(judgments.all(db)),
    )  # fmt: skip
    export(everything, "trl", tmp_path / "trl")
    export(everything, "arena", tmp_path / "arena.jsonl")
    export(everything, "jsonl", tmp_path / "all.jsonl")

    def asked(format: str) -> Any:
        return ada.get(URL, params={"format": format, "with_simulated": "1"})

    with zipfile.ZipFile(io.BytesIO(asked("trl").content)) as archive:
        names = archive.namelist()
        assert names == ["pairs.jsonl", "sft.jsonl", "kto.jsonl"]
        for name in names:
            assert archive.read(name) == (tmp_path / "trl" / name).read_bytes()
    assert asked("arena").content == (tmp_path / "arena.jsonl").read_bytes()
    assert asked("jsonl").content == (tmp_path / "all.jsonl").read_bytes()
    assert asked("trl").content == asked("trl").content


def test_how_it_is_saved(ada: TestClient, said: None) -> None:
    reply = ada.get(URL, params={"format": "trl"})
    assert reply.headers["Content-Disposition"] == 'attachment; filename="rather-trl.zip"'
    assert reply.headers["Content-Type"] == "application/zip"
    reply = ada.get(URL, params={"format": "arena"})
    assert reply.headers["Content-Disposition"] == 'attachment; filename="rather-arena.jsonl"'
    assert reply.headers["Content-Type"] == "application/x-ndjson"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_left_out_is_told(ada: TestClient, said: None) -> None:
    reply = ada.get(URL, params={"format": "arena"})
    assert [json.loads(line)["judge"] for line in reply.text.splitlines()] == ["ann", "bob"]
    assert left_out(reply) == {
        "judgments": {"given by simulated labellers": 1},
        "arena.jsonl": {"Arena rows hold pairs, this is a demonstration": 1},
    }
    assert left_out(ada.get(URL, params={"format": "jsonl", "with_simulated": "1"})) == {}


def test_one_labellers_judgments_come_with_what_they_supersede(
    ada: TestClient, said: None, team: Any
) -> None:
    # The second admin's settlement supersedes the first one's: it comes along.
    first = team.says("ada", Pair("c3a", "c3b", "A"), "p3", source="resolution")
    team.says("bob", Pair("c3a", "c3b", "B"), "p3", source="resolution", supersedes=first.id)
    reply = ada.get(URL, params={"format": "jsonl", "labeller": "bob"})
    assert left_out(reply) == {"judgments": {"given by others": 3}}
    lines = [json.loads(line) for line in reply.text.splitlines()]
    told = [(one["labeller_id"], one["source"]) for one in lines if one["type"] == "judgment"]
    assert told == [
        ("bob", "label"), ("bob", "label"), ("ada", "resolution"), ("bob", "resolution"),
    ]  # fmt: skip
    assert {one["id"] for one in lines if one["type"] == "labeller"} == {"ada", "bob"}


def test_many_reasons_are_counted_together(ada: TestClient, team: Any) -> None:
    for n in range(8):
        for other in range(3):
            team.says("ann", Pair(f"gone{n}{other}é\n", "c0b", "A"), "p0")
    told = left_out(ada.get(URL, params={"format": "trl"}))["pairs.jsonl"]
    assert len(told) == 21
    assert told["other reasons"] == 4
    assert sum(told.values()) == 24


@pytest.mark.parametrize("asked", [{}, {"format": "parquet"}, {"format": "../../etc/passwd"}])
def test_other_formats_are_refused(ada: TestClient, asked: dict[str, str]) -> None:
    assert ada.get(URL, params=asked).status_code == 422
