"""A rollout in a checkpoint is the rollout, to the last bit and the last prompt token."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rather.data.batch import Row
from rather.rollout.rollout import Rollout, ragged
from rather.rollout.saved import from_tensors, to_tensors

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
