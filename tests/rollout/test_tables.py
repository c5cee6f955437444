"""Rows through a role: the same numbers however they are cut, each back in its place."""

import pytest
import torch

from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.heads import ScalarHead
from rather.models.roles import Policy, RewardModel
from rather.rollout.tables import completions_of, score_rows, sequence_logprobs, token_tables

ROWS = [Row((7, 8), ((9, 10), (11,))), Row((5,), ((6, 7, 8, 9),)), Row((4, 4, 4), ((8,), (9,)))]


def test_several_tables_of_one_pass() -> None:
    seen: list[list[int]] = []

    def of(batch: object, places: list[int]) -> list[torch.Tensor]:
        seen.append(places)
        ids = batch.completion_ids.float()  # type: ignore[attr-defined]
        return [ids, -ids]

    ids, opposite = token_tables(of, ROWS, 5, torch.device("cpu"))
    assert seen == [[0, 1], [2], [3, 4]]
    expected = [[9, 10, 0, 0], [11, 0, 0, 0], [6, 7, 8, 9], [8, 0, 0, 0], [9, 0, 0, 0]]
    assert ids.tolist() == expected
    assert torch.equal(opposite, -ids)


def test_sequence_logprobs_are_sums_over_the_completion(tiny_backbone: Backbone) -> None:
    policy = Policy(tiny_backbone)
    found = sequence_logprobs(policy, ROWS, microbatch_tokens=16, temperatures=(2.0, 0.5))
    # a completion's probability is the product of its tokens', each asked for on its own
    for row, places in zip(ROWS, ((0, 1), (2,), (3, 4)), strict=True):
        for place, completion in zip(places, row.completions, strict=True):
            total = torch.zeros(2)
            for t, token in enumerate(completion):
                single = Row((*row.prompt_ids, *completion[:t]), ((token,),))
                with torch.no_grad():
                    total[0] += policy.logprobs(pack([single]), 2.0).item()
                    total[1] += policy.logprobs(pack([single]), 0.5).item()
            assert found[:, place].tolist() == pytest.approx(total.tolist(), abs=1e-4)


def test_scores_come_back_in_their_rows(tiny_backbone: Backbone) -> None:
    head = ScalarHead(tiny_backbone.hidden_size, seed=2).requires_grad_(False)
    model = RewardModel(tiny_backbone, None, head, "last")
    together = score_rows(model, ROWS, microbatch_tokens=4096)
    assert [len(row) for row in together] == [2, 1, 2]
    for row, scores in zip(ROWS, together, strict=True):
        for completion, score in zip(row.completions, scores, strict=True):
            ((alone,),) = score_rows(model, [Row(row.prompt_ids, (completion,))], 16)
            assert alone == pytest.approx(score, abs=1e-5)
    assert score_rows(model, [], 16) == []


def test_places_of_completions() -> None:
    # rows of 2, 1 and 2 completions lie at 0-1, 2 and 3-4
    assert completions_of(ROWS, [2, 0]) == [3, 4, 0, 1]
    assert completions_of(ROWS, []) == []
