"""All weights learnt in parts over several ranks: the numbers of one that has them whole."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rather.models.storage.shards import held, is_spread, own_part, state_of, whole

FULL = ["--adapter.tuning=full", "--learning-rate=0.0005"]
COPIED = ["--critic.value-model=copy", "--critic.start=reference"]
RUNS = {
    "sft": [*FULL, "--adapter.gradient-checkpointing"],
    "reward": FULL,
    "dpo": FULL,
    "ppo": [*FULL, *COPIED, "--critic.warmup-steps=1"],
}
slow = pytest.mark.slow


def learnt(stage: str, root: Path, left: Any) -> tuple[dict[Any, float], dict[str, torch.Tensor]]:
    """The numbers of a run, and the weights it published."""
    numbers = {(step, name): value for step, name, value in left["metrics"]}
    return numbers, load_file(root / "models" / left["version"][0] / "model.safetensors")


@pytest.mark.parametrize(
    ("stage", "more"),
    [
        pytest.param("sft", [], id="sft"),
        # a row is less than there are ranks: one of them only keeps the other company
        pytest.param("sft", ["--batch-size=1"], marks=slow, id="sft by one"),
        pytest.param("reward", [], marks=slow, id="reward"),
        pytest.param("dpo", [], marks=slow, id="dpo"),
        pytest.param("ppo", [], marks=slow, id="ppo"),
    ],
)
def test_parts_learn_what_the_whole_learns(
    stage: str, more: list[str], commands: Any, new_root: Callable[[], Path], left_by: Any
) -> None:
    found, sizes = [], []
    for size in (1, 2):
        root = new_root()
        ended = commands.ranks(*commands.of(stage, root), *RUNS[stage], *more, size=size)
        assert [one.code for one in ended] == [0] * size, ended[-1].said
        left = left_by(stage, root)
        found.append(learnt(stage, root, left))
        _, run_id, _ = left["version"]
        parts = [*(root / "runs" / run_id / left["last"][0]).glob("learner*")]
        assert len(parts) == size
        sizes.append([path.stat().st_size for path in parts])
    (one, weights), (two, others) = found
    assert max(sizes[1]) < 0.6 * sizes[0][0]
    assert two == pytest.approx(one, abs=1e-5)
    assert others.keys() == weights.keys()
    for name, weight in weights.items():
        torch.testing.assert_close(others[name], weight, atol=1e-5, rtol=0)


@slow
@pytest.mark.parametrize("stage", ["sft", "ppo"])
def test_parts_are_read_by_any_number_of_ranks(
    stage: str, commands: Any, new_root: Callable[[], Path], left_by: Any
) -> None:
    roots = [new_root(), new_root()]
    command = [[*commands.of(stage, root), *RUNS[stage]] for root in roots]
    assert commands(*command[0]).code == 0
    told = {1: {"interrupt": ("update.gradient", 5, signal.SIGTERM)}}
    stopped = commands.ranks(*command[1], of_rank=told)
    assert [one.code for one in stopped] == [143, 143], stopped[0].said
    killed = {2: {"failpoint": "update.gradient:kill:5"}}
    dead = commands.ranks(*command[1], size=3, of_rank=killed)
    assert dead[2].code == -signal.SIGKILL
    assert {one.code for one in dead[:2]} == {5}, dead[0].said
    assert "Another process of this run has ended" in dead[0].said
    ended = commands(*command[1])
    assert ended.code == 0, ended.said
    assert "going on after step" in ended.said
    one, other = (learnt(stage, root, left_by(stage, root))[0] for root in roots)
    assert other == pytest.approx(one, abs=1e-5)


def test_what_is_not_spread_is_held_whole() -> None:
    weight = torch.arange(4.0)
    assert not is_spread(weight)
    assert held(weight) is weight is whole(weight)
    assert own_part(torch.ones(4), weight).tolist() == [1, 1, 1, 1]


def test_the_state_is_what_the_model_says_it_is(tiny_backbone: Any) -> None:
    model = tiny_backbone.model
    model.register_buffer("kept", torch.ones(2))
    model.register_buffer("not_kept", torch.ones(2), persistent=False)
    said = model.state_dict()
    assert state_of(model).keys() == said.keys() >= {"kept"}
    assert all(torch.equal(one, said[name]) for name, one in state_of(model).items())
