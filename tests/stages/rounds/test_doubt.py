"""The doubt about an item is what the models themselves say, computed another way."""

import math
from itertools import combinations

import pytest
import torch

from rather.config.stages import Choosing
from rather.data.batch import Row
from rather.progress import Progress
from rather.records import Prompt
from rather.rollout.tables import score_rows
from rather.stages import tuning
from rather.stages.examples import LeftOut
from rather.stages.rounds.doubt import Askers, Doubt, doubt_about
from rather.stages.rounds.open_questions import look
from rather.stages.runs import open_library
from rather.store import completions, prompts
from rather.workspace import Workspace
from tests.stages.conftest import judge

pytestmark = pytest.mark.slow  # they train


@pytest.fixture
def taught(answered: Workspace) -> Workspace:
    judge(answered)
    settings = {"reward": {"ensemble": 3}, "dpo": {"learning_rate": 0.01}}
    ws = answered.configured(settings)
    tuning.reward(ws, dry_run=False, fresh=False)
    tuning.dpo(ws, dry_run=False, fresh=False)
    return answered


def asked_of(ws: Workspace) -> dict[str, Prompt]:
    return {prompt.id: prompt for prompt in prompts.all(ws.db)}


@pytest.mark.parametrize("kind", ["pair", "ranking"])
def test_doubt_is_what_the_members_say(taught: Workspace, kind: str) -> None:
    ws = taught.configured({"label": {"kind": kind}})
    asked, library = asked_of(ws), open_library(ws)
    answers = {one.id: one for one in completions.all(ws.db)}
    items = look(ws, asked).free[:5]
    askers = Askers(library, "reward-1", "dpo-1", Progress(quiet=True))
    fitting, doubt = doubt_about(items, asked, answers, askers, LeftOut())
    assert fitting == items
    codec, policy, base = library.codec("base"), library.policy("dpo-1"), library.policy("base")

    def row(id: str) -> Row:
        return codec.row(asked[answers[id].prompt_id], ((answers[id].text, False),))

    for place, item in enumerate(items):
        scores = {
            id: [score_rows(m, [row(id)], 4096)[0][0] for m in library.reward_members("reward-1")]
            for id in item.completion_ids
        }
        apart = []
        for a, b in combinations(item.completion_ids, 2):
            chances = [1 / (1 + math.exp(y - x)) for x, y in zip(scores[a], scores[b], strict=True)]
            entropy = [-p * math.log(p) - (1 - p) * math.log(1 - p) for p in chances]
            p = sum(chances) / 3
            apart.append(-p * math.log(p) - (1 - p) * math.log(1 - p) - sum(entropy) / 3)
        assert doubt.disagreement[place] == pytest.approx(sum(apart) / len(apart), abs=1e-5)
        moved = []
        for id in item.completion_ids:
            from rather.data.batch import pack

            batch = pack([row(id)])
            with torch.no_grad():
                gap = (policy.logprobs(batch) - base.logprobs(batch)).sum()
            moved.append(float(gap) / len(row(id).completions[0]))
        assert doubt.drift[place] == pytest.approx(sum(moved) / len(moved), abs=1e-4)
        assert doubt.drift[place] != 0


def test_a_value_weighs_percentiles() -> None:
    doubt = Doubt(torch.tensor([0.1, 0.2]), torch.tensor([9.0, 3.0]), torch.tensor([0.0, 0.0]))
    section = Choosing(disagreement=2.0, closeness=1.0, drift=4.0)
    # percentiles ¼ and ¾, ¾ and ¼, ½ twice: 0.5 + 0.75 + 2, 1.5 + 0.25 + 2
    assert doubt.value(section) == pytest.approx([3.25, 3.75])
    nothing = torch.zeros(0)
    assert Doubt(nothing, nothing, nothing).value(section) == []
