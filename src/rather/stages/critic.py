"""The critic PPO starts with: a head on the policy, or an adapter begun from the reward model."""

from typing import Any

from rather.models.heads import ScalarHead
from rather.models.library import Library
from rather.models.roles import Policy, RewardModel, ValueModel
from rather.models.tuning import start_tuning
from rather.stages.runs import policy_name
from rather.workspace import Workspace


def make_critic(
    ws: Workspace, library: Library, policy: Policy, rewards: tuple[str, ...], seed: int
) -> tuple[ValueModel, dict[str, Any]]:
    """The value model and its weights: an adapter begun from the reward model, or a head."""
    section = ws.config.ppo
    if section.value_model == "trunk":
        head = ScalarHead.zero(policy.backbone.hidden_size).to(policy.backbone.device)
        return ValueModel(policy.backbone, policy.adapter, head), {"value.head": head.weight}
    first = library.reward_model(rewards[0]) if rewards else None
    base = library.policy(policy_name(ws, section.start))
    if first is not None and first.backbone is base.backbone and first.adapter is not None:
        base, head = Policy(first.backbone, first.adapter), _copy_of(first)
    else:
        base = Policy(base.backbone)
        head = ScalarHead.zero(base.backbone.hidden_size).to(base.backbone.device)
    shape = base.backbone.shapes[base.adapter] if base.adapter else None
    own = section.adapter.model_copy(
        update={"tuning": "lora" if section.adapter.tuning == "full" else section.adapter.tuning}
        | ({"rank": shape.rank, "alpha": shape.alpha} if shape else {})
    )
    tuned = start_tuning(base, "value", own, seed)
    weights = {f"value.{key}": weight for key, weight in tuned.parameters.items()}
    model = ValueModel(tuned.backbone, tuned.adapter, head)
    return model, {**weights, "value.head": head.weight}


def _copy_of(model: RewardModel) -> ScalarHead:
    head = ScalarHead(model.backbone.hidden_size)
    head.load_state_dict(model.head.state_dict())
    return head.to(model.backbone.device)
