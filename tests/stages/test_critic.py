"""The critic starts where the reward model ended, in weights of its own."""

import torch

from rather.stages import tuning
from rather.stages.critic import make_critic
from rather.stages.runs import open_library
from rather.workspace import Workspace


def test_the_critic_begins_as_the_reward_model(judged_ws: Workspace) -> None:
    tuning.reward(judged_ws, dry_run=False, fresh=False)
    library = open_library(judged_ws)
    policy = library.policy("base")
    value, weights, _ = make_critic(
        judged_ws.config.ppo, library, policy, policy, ("reward-1",), seed=0
    )
    first = library.reward_model("reward-1")
    assert torch.equal(value.head.weight, first.head.weight)
    assert value.head.bias == first.head.bias
    assert value.head.weight is not first.head.weight
    assert value.depth == first.depth == 1  # half of two layers
    own = value.backbone.adapter_parameters("value")
    for name, weight in value.backbone.adapter_parameters("reward-1").items():
        assert torch.equal(own[name], weight), name
        assert weights[f"value.{name}"] is own[name]
