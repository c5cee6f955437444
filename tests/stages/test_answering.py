"""`score`: reward models asked about texts."""

import pytest

from rather.errors import DataError, UsageError
from rather.rollout.tables import score_rows
from rather.stages import tuning
from rather.stages.answering import score_texts, to_prompt
from rather.stages.runs import open_library
from rather.workspace import Workspace

TURN = [{"role": "user", "content": "Why?"}]


def test_texts_are_scored_as_in_training(judged_ws: Workspace) -> None:
    tuning.reward(judged_ws, dry_run=False, fresh=False)
    rows = [
        {"prompt": TURN, "completion": "Please, the one."},
        {"prompt": TURN, "completion": "No way!"},
        {"prompt": "Why?", "completion": "No way!"},
    ]
    found = score_texts(judged_ws, "newest", rows)
    assert found["model"] == "reward-1"
    library = open_library(judged_ws)
    row = library.codec("base").row(to_prompt(TURN, 1), (("Please, the one.", False),))
    ((expected,),) = score_rows(library.reward_model("reward-1"), [row], 4096)
    assert found["scores"][0] == pytest.approx(expected, abs=1e-5)
    assert found["scores"][0] != found["scores"][1]
    assert found["scores"][2] == found["scores"][1]  # a text is one user turn
    assert found["summary"].startswith("reward-1: ")
    many = score_texts(judged_ws, "reward-1", rows[:1] * 11)
    assert len(many["scores"]) == 11
    assert many["summary"].endswith(" …")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"prompt": TURN}, "Row 1 has no text under `completion`"),
        ({"prompt": TURN, "completion": "  "}, "Row 1 has no text under `completion`"),
        ({"prompt": TURN, "completion": 3}, "Row 1 has no text under `completion`"),
        ({"completion": "yes"}, "Row 1: "),
        ({"prompt": [], "completion": "yes"}, "Row 1: "),
        ({"prompt": [{"role": "tool", "content": "x"}], "completion": "yes"}, "Row 1: "),
    ],
)
def test_a_row_that_cannot_be_scored_is_named(
    judged_ws: Workspace, row: dict[str, object], sentence: str
) -> None:
    tuning.reward(judged_ws, dry_run=False, fresh=False)
    with pytest.raises(DataError, match=sentence):
        score_texts(judged_ws, "newest", [row])


def test_only_reward_models_score(ws: Workspace) -> None:
    with pytest.raises(UsageError, match="no reward model yet"):
        score_texts(ws, "newest", [{"prompt": "Why?", "completion": "yes"}])
    with pytest.raises(UsageError, match="no reward model"):
        score_texts(ws, "base", [{"prompt": "Why?", "completion": "yes"}])
