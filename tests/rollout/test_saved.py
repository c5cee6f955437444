"""A rollout in a checkpoint is the rollout, to the last bit and the last prompt token."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rather.data.batch import Lower, Row
from rather.rollout.rollout import Rollout, ragged
from rather.rollout.saved import from_tensors, joined, to_tensors, with_rows

PROMPTS = [(7, 8), (9,)]
# two completions a prompt, of 3, 1, 2 and 3 tokens; token 0 is a token like any other
ROWS = (Row(PROMPTS[0], ((4, 0, 5), (6,))), Row(PROMPTS[1], ((0, 0), (1, 2, 3))))
# no decimal fraction of these is exact in binary, and one is as small as a float32 gets
LOGPROBS = ragged([[-0.1, -0.2, -0.3], [-0.4], [-0.5, -1e-45], [-0.7, -0.8, -0.9]])
ROLLOUT = Rollout(
    rows=ROWS,
    stopped=torch.tensor([True, False, True, True]),
    scores=torch.tensor([1.0, -0.1, float("inf"), 1 / 3]),
    completion_mask=torch.tensor([[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 1]]).bool(),
    logprobs=LOGPROBS,
    sampler_logprobs=LOGPROBS * 1.1,
    ref_logprobs=LOGPROBS * 0.9,
)
WITH_CRITIC = replace(ROLLOUT, values=LOGPROBS * 2, token_scores=LOGPROBS * 3)


@pytest.mark.parametrize("rollout", [ROLLOUT, WITH_CRITIC], ids=["plain", "with critic"])
def test_what_is_read_is_what_was_written(rollout: Rollout, tmp_path: Path) -> None:
    save_file(to_tensors(rollout), tmp_path / "kept.safetensors")
    found = from_tensors(load_file(tmp_path / "kept.safetensors"), PROMPTS)
    for field in fields(Rollout):
        one, other = getattr(found, field.name), getattr(rollout, field.name)
        if isinstance(other, Tensor):
            assert one.dtype == other.dtype, field.name
            assert torch.equal(one, other), field.name
        else:
            assert one == other, field.name


def test_the_tensors_are_left_as_they_were() -> None:
    tensors = to_tensors(ROLLOUT)
    names = set(tensors)
    from_tensors(tensors, PROMPTS)
    assert set(tensors) == names >= {"completion_ids", "scores", "logprobs"}
    assert not names & {"rows", "values", "token_scores"}
    # one row a completion, 0 where it has ended
    assert tensors["completion_ids"].tolist() == [[4, 0, 5], [6, 0, 0], [0, 0, 0], [1, 2, 3]]


def test_parts_made_apart_become_one_in_the_prompts_order() -> None:
    # each part is as wide as its own longest completion: 3 tokens, and 1
    prompts, short = [(5,), (7, 8), (9,)], ragged([[-1.0], [-2.0]])
    second = Rollout(
        rows=(Row((5,), ((1,), (2,))),),
        stopped=torch.tensor([False, True]),
        scores=torch.tensor([10.0, 20.0]),
        completion_mask=torch.ones(2, 1, dtype=torch.bool),
        logprobs=short,
        sampler_logprobs=short,
        ref_logprobs=short,
    )
    parts = [
        to_tensors(ROLLOUT) | {"places": torch.tensor([1, 2])},
        to_tensors(second) | {"places": torch.tensor([0])},
    ]
    found = joined(parts, prompts)
    assert found.rows == (Row((5,), ((1,), (2,))), *ROWS)
    assert found.scores.tolist() == [10.0, 20.0, *ROLLOUT.scores.tolist()]
    assert found.stopped.tolist() == [False, True, True, False, True, True]
    assert found.lengths.tolist() == [1, 1, 3, 1, 2, 3]
    assert found.logprobs[:2].tolist() == [[-1.0, 0.0, 0.0], [-2.0, 0.0, 0.0]]
    assert torch.equal(found.logprobs[2:], LOGPROBS)


def test_rows_are_replaced_by_place() -> None:
    known = replace(ROWS[1], lower=Lower(object(), 1, torch.zeros(1)))
    found = with_rows(ROLLOUT, {1: known})
    assert found.rows[0] is ROWS[0]
    assert found.rows[1] is known
    assert found.scores is ROLLOUT.scores
