"""Whether chosen questions taught more than those by chance: the same number of each, one test.

From each arm's judgments a head is fitted on the untrained trunk (`training.fitted_head`), because
that takes seconds; all are tested on the same held-out pairs, which chance drew.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from rather.data.judged import Judged
from rather.data.tokens import Codec
from rather.errors import DataError
from rather.feedback.items import item_of
from rather.models.roles import RewardModel
from rather.records import Comparison
from rather.stages import examples
from rather.store import judgments, questions
from rather.training.fitted_head import fitted_weight, pooled_states
from rather.workspace import Workspace

FEWEST = 20
"""Decided pairs of each arm, and of the test, below which a comparison says nothing."""
DRAWS = 10
"""Times that as many are drawn from the larger arm as the smaller one has."""


def label_efficiency(
    ws: Workspace,
    model: RewardModel,
    codec: Codec,
    found: Sequence[Comparison],
    tests: Sequence[Judged],
) -> dict[str, float]:
    """Held-out accuracy by arm at equal numbers of pairs; empty where there are too few.

    `model` is read for its trunk alone; `found` is what a reward model learns from.
    """
    is_random = _arms(ws)
    arms = {
        arm: [one for one in found if is_random.get(one.judgment_id) is chance]
        for arm, chance in (("chosen", False), ("chance", True))
    }
    if min(map(len, arms.values())) == 0 or not tests:
        return {}
    differences = {
        arm: _differences(ws, model, examples.judged_rows(theirs, codec))[0]
        for arm, theirs in arms.items()
    }
    tested, states = _differences(ws, model, tests)
    number = min(map(len, differences.values()))
    if min(number, len(tested)) < FEWEST:
        return {}
    return {
        "arms/num_pairs": float(number),
        **{
            f"arms/{arm}": _accuracy(rows, states, tested, number)
            for arm, rows in differences.items()
        },
    }


def _arms(ws: Workspace) -> dict[str, bool]:
    """Of each judgment of a chosen question, by id: whether chance had drawn it."""
    known = {question.item: question.is_random for question in questions.all(ws.db)}
    if not known:
        return {}
    found = {}
    for one in judgments.live(ws.db):
        try:
            item = item_of(one)
        except DataError:  # it does not say what it is about, which is told where it is learnt from
            continue
        if item in known:
            found[one.id] = known[item]
    return found


def _differences(
    ws: Workspace, model: RewardModel, judged: Sequence[Judged]
) -> tuple[Tensor, Tensor]:
    """Better less worse [n, d] of every decided pair, and all states [N, d]."""
    states = pooled_states(model, judged, ws.config.reward.microbatch_tokens, ws.progress)
    rows = [
        of_row[better] - of_row[worse]
        for of_row, one in zip(states, judged, strict=True)
        for better, worse in one.pairs
    ]
    width = model.backbone.hidden_size
    return torch.stack(rows) if rows else torch.zeros(0, width), torch.cat(states)


def _accuracy(rows: Tensor, states: Tensor, tested: Tensor, number: int) -> float:
    """Mean accuracy of heads that were fitted to so many of the rows, drawn again and again."""
    found = []
    for draw in range(DRAWS if len(rows) > number else 1):
        generator = torch.Generator().manual_seed(draw)
        drawn = torch.randperm(len(rows), generator=generator)[:number]
        gaps = tested @ fitted_weight(rows[drawn], states)
        found.append(((gaps > 0).float() + 0.5 * (gaps == 0).float()).mean().item())
    return sum(found) / len(found)
