"""A share of an alias goes to another version, drawn by the request and nothing else."""

import pytest

from rather.config.use import AB
from rather.serving.feedback.splitting import Split

SECRET = b"a secret of a test, 32 bytes long"


def test_a_share_is_answered_by_the_other() -> None:
    split = Split(SECRET, AB(share=0.25, model="ppo-2"))
    chosen = [split.choose("prod", "ppo-1", f"request {number}") for number in range(4000)]
    # 4000 draws at 0.25: three standard deviations are 82
    assert 918 < chosen.count("ppo-2") < 1082
    again = [split.choose("prod", "ppo-1", f"request {number}") for number in range(4000)]
    assert again == chosen


@pytest.mark.parametrize(("share", "who"), [(0.0, "ppo-1"), (1.0, "ppo-2")])
def test_none_and_all(share: float, who: str) -> None:
    split = Split(SECRET, AB(share=share, model="ppo-2"))
    assert {split.choose("prod", "ppo-1", str(number)) for number in range(50)} == {who}


def test_other_aliases_are_left_alone() -> None:
    split = Split(SECRET, AB(share=1.0, model="ppo-2", alias="next"))
    assert split.choose("prod", "ppo-1", "x") == "ppo-1"
    assert split.choose("next", "ppo-1", "x") == "ppo-2"
    assert Split(SECRET, AB()).choose("prod", "ppo-1", "x") == "ppo-1"


def test_who_is_compared_when_nobody_is_named() -> None:
    split = Split(SECRET, AB(share=0.1, model="ppo-2"))
    assert split.sides("prod", "ppo-1") == ("ppo-1", "ppo-2")
    assert split.sides("sft-1", "sft-1") == ("sft-1", "base")
    assert split.sides("base", "base") == ("base", "base")  # two answers of one
