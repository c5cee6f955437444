"""The critic PPO starts with: a head on the policy, an adapter of its own, or a whole copy."""

from typing import NamedTuple

from torch import nn

from rather.config.optimization import Adapter
from rather.config.ppo import PPO
from rather.errors import UsageError
from rather.models.heads import ScalarHead
from rather.models.library import Library
from rather.models.roles import Policy, RewardModel, ValueModel
from rather.models.storage.shards import Shards
from rather.models.tuning import Tuned, start_tuning, whole_copy


class NewCritic(NamedTuple):
    """A critic that is about to learn."""

    model: ValueModel
    weights: dict[str, nn.Parameter]
    """By name, apart from the policy's."""
    shards: tuple[Shards, ...] = ()
    """Where it is spread over ranks by itself."""


def make_critic(
    section: PPO,
    library: Library,
    policy: Policy,
    start: Policy,
    rewards: tuple[str, ...],
    seed: int,
) -> NewCritic:
    """The value model and its weights, begun from the first reward model where one is wanted.

    `start` is the policy as it began, for a critic that begins from there.
    """
    critic = section.critic
    if critic.value_model == "trunk":
        head = ScalarHead.zero(policy.backbone.hidden_size).to(policy.backbone.device)
        model = ValueModel(policy.backbone, policy.adapter, head)
        return NewCritic(model, {"value.head": head.weight})
    first = library.reward_model(rewards[0]) if rewards and critic.start == "reward" else None
    if critic.value_model == "copy":
        return _copied(section.adapter, first, start)
    return _adapted(section.adapter, first, start, seed)


def _adapted(adapter: Adapter, first: RewardModel | None, start: Policy, seed: int) -> NewCritic:
    """An adapter of its own on the policy's backbone."""
    if first is not None and first.backbone is start.backbone and first.adapter is not None:
        base, head, depth = Policy(first.backbone, first.adapter), _copy_of(first), first.depth
    else:
        base, depth = Policy(start.backbone), None
        head = ScalarHead.zero(base.backbone.hidden_size).to(base.backbone.device)
    shape = base.backbone.shapes[base.adapter] if base.adapter else None
    own = adapter.model_copy(
        update={"tuning": "lora" if adapter.tuning == "full" else adapter.tuning}
        | ({"rank": shape.rank, "alpha": shape.alpha} if shape else {})
    )
    tuned = start_tuning(base, "value", own, seed, depth)
    return _with_head(tuned, head)


def _copied(adapter: Adapter, first: RewardModel | None, start: Policy) -> NewCritic:
    """A whole copy of a backbone, of the reward model's where it is a whole model itself."""
    if first is not None and first.adapter is None:
        base, head, depth = first.backbone, _copy_of(first), first.depth
    elif first is not None:
        raise UsageError(
            "ppo.critic.value_model: copy cannot begin from a reward model that is an adapter; set "
            "ppo.critic.start: reference, or train the reward model with adapter.tuning: full."
        )
    else:
        base, depth = start.backbone, None
        head = ScalarHead.zero(base.hidden_size).to(base.device)
    return _with_head(whole_copy(base, depth, adapter), head)


def _with_head(tuned: Tuned, head: ScalarHead) -> NewCritic:
    named = {f"value.{key}": weight for key, weight in tuned.parameters.items()}
    model = ValueModel(tuned.backbone, tuned.adapter, head, tuned.depth)
    return NewCritic(model, {**named, "value.head": head.weight}, tuned.shards)


def _copy_of(model: RewardModel) -> ScalarHead:
    head = ScalarHead(model.backbone.hidden_size)
    head.load_state_dict(model.head.state_dict())
    return head.to(model.backbone.device)
