"""Whose shape is planned: a folder's, or what its name says; no network is asked."""

from pathlib import Path

import pytest

from rather.errors import UsageError
from rather.planning.model import shape_of


def test_a_folder_beside_the_workspace_or_at_home(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, called = shape_of(tiny_model.name, tiny_model.parent)
    assert (shape.num_layers, shape.width, called) == (2, 32, tiny_model.name)
    monkeypatch.setenv("HOME", str(tiny_model.parent))
    assert shape_of(f"~/{tiny_model.name}", tmp_path)[0] == shape


@pytest.mark.parametrize("name", ["s3://bucket/models/llama", "/nowhere/llama", "../llama"])
def test_what_is_not_here_and_says_no_size_is_asked_for(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"How large .*llama is cannot .* give --model-size"):
        shape_of(name, tmp_path)


def test_an_address_may_say_its_size(tmp_path: Path) -> None:
    shape, called = shape_of("s3://bucket/models/llama-3.1-8b-instruct", tmp_path)
    assert (shape.num_layers, shape.width) == (32, 4096)
    assert called == "s3://bucket/models/llama-3.1-8b-instruct, taken for a usual 8B"
