"""Every number that training records has words."""

import re
from pathlib import Path
from typing import get_args

import rather
from rather.report.metrics import METRICS, Group, meaning, place

TRAINING = Path(rather.__file__).parent / "training"
NAME = re.compile(r'"((?:objective|policy|val|loss|rewards|logps|lengths|heldout)/\w+)"')
WITHIN = {"val/ratio_squared"}
"""Summed inside an update, and never recorded."""


def test_what_training_records_is_described() -> None:
    code = "\n".join(path.read_text("utf-8") for path in TRAINING.glob("*.py"))
    recorded = set(NAME.findall(code)) - WITHIN
    assert len(recorded) > 20
    assert recorded - METRICS.keys() == set()


def test_groups_are_those_of_the_page() -> None:
    assert {one.group for one in METRICS.values()} == set(get_args(Group))


def test_an_unknown_one_keeps_its_name() -> None:
    assert meaning("mine") == ("mine", "other")
    assert meaning("length") == ("Length (tokens)", "length")


def test_they_are_shown_by_group_and_in_order() -> None:
    given = ["mine", "lr", "loss", "objective/kl", "a", "objective/scores_raw", "objective/scores"]
    assert sorted(given, key=place) == [
        "objective/scores",
        "objective/scores_raw",
        "objective/kl",
        "loss",
        "lr",
        "a",
        "mine",
    ]
