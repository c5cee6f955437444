"""A model that knows its tokens, and one that does not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rather.doctor.finding import Finding
from rather.errors import UsageError
from rather.workspace import Workspace

Look = Callable[[Workspace, str], Finding]
NewWs = Callable[..., Workspace]


def test_the_tiny_model_is_described(ws: Workspace, look: Look) -> None:
    found = look(ws, "model")
    # 262 rows of 32 twice, and two layers of 9280: attention 3072, network 6144, norms 64; norm 32
    assert (found.severity, found.found) == (
        "ok",
        "base has 0.03536 million weights and 262 rows for 262 tokens, and runs on cpu in float32",
    )


def test_tokens_without_a_row_are_named(
    new_ws: NewWs, model_with: Callable[..., Path], look: Look
) -> None:
    found = look(new_ws(model=str(model_with(added=["newer", "newest"]))), "model")
    assert found.severity == "problem"
    # the tiny model has 3 + 256 + 3 rows
    assert found.found == "2 of 264 tokens have no row among the model's 262"
    assert found.shown == ("newer", "newest")


def test_a_model_that_is_not_there_is_named(new_ws: NewWs, look: Look) -> None:
    with pytest.raises(UsageError, match="There is no model named no/such/folder/here"):
        look(new_ws(model="no/such/folder/here"), "model")
