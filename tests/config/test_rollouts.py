"""Rollouts on servers need servers."""

import pytest
from pydantic import ValidationError

from rather.config.rollouts import Rollouts


def test_vllm_without_servers_is_refused() -> None:
    with pytest.raises(ValidationError, match="engine: vllm needs servers"):
        Rollouts(engine="vllm")
    assert Rollouts(engine="vllm", servers=("http://a:1",)).servers == ("http://a:1",)
