"""PPO: neutral at its first step, better after a few, and the same after a kill."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest
import torch

from rather.config.optimization import Adapter
from rather.config.ppo import KL, PPO, Critic, Shaping, StopRules
from rather.data.batch import Row
from rather.errors import StoppedByRule, UsageError
from rather.models.backbone import Backbone
from rather.models.heads import ScalarHead
from rather.models.library import weights_digest
from rather.models.roles import Policy, ValueModel
from rather.models.tuning import Tuned, start_tuning
from rather.records import Message, Prompt
from rather.rollout import local
from rather.rollout.rollout import Roles
from rather.training.cast import Cast, Heldout, Task
from rather.training.learner import Learner
from rather.training.loop import Run
from rather.training.ppo import Trainer, train_ppo

STOPS = tuple(range(3, 40))
LIKED = range(131, 262)  # half of the vocabulary, so that chance scores one half
TASKS = [
    Task(Prompt(f"p{n}", (Message("user", str(n)),), "train"), (*range(40, 43 + n % 3), 50 + n))
    for n in range(6)
]
SECTION = PPO(
    learning_rate=1e-2,
    batch_size=4,
    num_completions=4,
    max_new_tokens=6,
    num_steps=4,
    checkpoint_every=2,
    shaping=Shaping(missing_eos_penalty=0.0),
    # so small a model has little to say: what it loses of that is no sign of anything
    rules=StopRules(min_entropy_share=None, min_distinct_share=None, max_update_kl=None),
)


def share_of_liked(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
    """The Python reward: which share of a completion's tokens is liked."""
    return [[sum(t in LIKED for t in c) / len(c) for c in row.completions] for row in rows]


def cast_of(
    tuned: Tuned,
    scorer: Any = share_of_liked,
    value_model: str = "adapter",
    base: Backbone | None = None,
) -> Cast:
    """Everybody on the tuned backbone, or (for a full copy) the others on the base."""
    policy = Policy(tuned.backbone, tuned.adapter)
    head = ScalarHead.zero(tuned.backbone.hidden_size)
    weights = dict(tuned.parameters)
    value = ValueModel(tuned.backbone, tuned.adapter, head)
    reference = Policy(base or tuned.backbone)
    if value_model == "adapter":
        critic = start_tuning(reference, "value", Adapter(rank=4, alpha=8.0), seed=5)
        value = ValueModel(critic.backbone, critic.adapter, head)
        weights |= {f"value.{name}": weight for name, weight in critic.parameters.items()}
    roles = Roles(policy, reference, value, scorer)
    return Cast(roles, {**weights, "value.head": head.weight}, STOPS)


def trained(new_tuned: Any, recorded: Any, section: PPO = SECTION) -> Cast:
    cast = cast_of(new_tuned(), value_model=section.critic.value_model)
    train_ppo(section, cast, TASKS, recorded.run, seed=1)
    return cast


@pytest.mark.parametrize("value_model", ["adapter", "trunk"])
def test_the_first_step_is_neutral(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], value_model: str
) -> None:
    recorded = new_run()
    critic = Critic(value_model=value_model)
    section = SECTION.model_copy(update={"num_steps": 1, "critic": critic})
    trained(new_tuned, recorded, section)
    first = recorded.metrics[0]
    assert first["objective/kl"] == 0.0
    assert first["objective/kl_k3"] == 0.0
    assert first["val/ratio"] == pytest.approx(1.0, abs=1e-6)
    assert first["val/ratio_var"] == pytest.approx(0.0, abs=1e-6)
    assert first["policy/clipfrac_avg"] == 0.0
    assert first["policy/approxkl_avg"] == pytest.approx(0.0, abs=1e-9)
    # the surrogate is −mean(A·1), and whitened advantages have mean 0
    assert first["loss/policy_avg"] == pytest.approx(0.0, abs=1e-5)
    assert first["objective/mismatch_kl"] == pytest.approx(0.0, abs=1e-8)
    assert first["objective/scores"] == pytest.approx(0.5, abs=0.15)
    # without a KL penalty to pay the reward is the score
    assert first["objective/rlhf_reward"] == pytest.approx(first["objective/scores"], abs=1e-5)
    # a critic that says 0 everywhere explains nothing, at best
    assert first["val/explained_variance"] <= 0.0


@pytest.mark.parametrize("value_model", [pytest.param("adapter", marks=pytest.mark.slow), "trunk"])
def test_a_python_reward_rises(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], value_model: str
) -> None:
    more = {
        "num_steps": 10,
        "num_completions": 8,
        "num_epochs": 2,
        "num_minibatches": 2,
        "learning_rate": 5e-3,
        "schedule": "constant",
        "kl_coefficient": 0.01,
    }
    recorded = new_run()
    cast = cast_of(new_tuned(tuning="full"), share_of_liked, value_model, new_tuned().backbone)
    train_ppo(SECTION.model_copy(update=more), cast, TASKS, recorded.run, seed=1)
    scores = recorded.of("objective/scores")
    assert sum(scores[-3:]) / 3 > sum(scores[:3]) / 3 + 0.2
    assert recorded.of("objective/kl")[-1] > 0.5
    assert cast.roles.value.head.weight.abs().max() > 0


def test_a_strong_penalty_holds_the_policy_at_its_reference(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    free, held = new_run("free"), new_run("held")
    trained(new_tuned, free, SECTION.model_copy(update={"num_steps": 8, "kl_coefficient": 0.0}))
    trained(new_tuned, held, SECTION.model_copy(update={"num_steps": 8, "kl_coefficient": 2.0}))
    assert sum(held.of("objective/kl")[-3:]) < 0.5 * sum(free.of("objective/kl")[-3:])


def test_microbatches_change_nothing(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    found = []
    for tokens in (64, 4096):
        more = {"microbatch_tokens": tokens, "num_steps": 2, "adam_epsilon": 1e-3}
        recorded = new_run(str(tokens))
        found.append(trained(new_tuned, recorded, SECTION.model_copy(update=more)).parameters)
    for name, one in found[0].items():
        assert torch.allclose(one, found[1][name], atol=1e-6, rtol=0), name


@pytest.mark.parametrize("value_model", ["adapter", "trunk"])
@pytest.mark.parametrize("dies_after", [pytest.param(1, marks=pytest.mark.slow), 3, 4])
def test_a_killed_run_ends_bit_for_bit_like_a_whole_one(
    new_tuned: Callable[..., Tuned],
    new_run: Callable[..., Any],
    dies_after: int,
    value_model: str,
) -> None:
    critic, kl = Critic(value_model=value_model), KL(target_kl=1.0)
    section = SECTION.model_copy(update={"critic": critic, "kl": kl})
    whole = new_run("whole")
    expected = weights_digest(dict(trained(new_tuned, whole, section).parameters))
    with pytest.raises(KeyboardInterrupt):
        trained(new_tuned, new_run("killed", dies_after), section)
    resumed = new_run("killed")
    found = weights_digest(dict(trained(new_tuned, resumed, section).parameters))
    assert found == expected
    assert resumed.metrics[3] == whole.metrics[3]


def test_the_adaptive_penalty_follows_its_target(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    recorded = new_run()
    more = {"kl": KL(target_kl=0.5), "num_steps": 2, "kl_coefficient": 0.1}
    trained(new_tuned, recorded, SECTION.model_copy(update=more))
    first, second = recorded.of("kl_coefficient")
    assert first == 0.1
    # KL 0 is below the target by more than a fifth: 0.1·(1 − 0.2·16/10000), 16 episodes a step
    assert second == pytest.approx(0.1 * 0.99968, rel=1e-9)


def test_fewer_prompts_than_a_batch_are_fewer_episodes(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    section = SECTION.model_copy(update={"kl": KL(target_kl=0.5), "kl_coefficient": 0.1})
    trainer = trainer_of(new_tuned(), new_run().run, section, TASKS[:2])
    trainer.step(0)
    # two prompts of four completions: 0.1·(1 − 0.2·8/10000)
    assert trainer.kept.numbers["kl_coefficient"] == pytest.approx(0.1 * 0.99984, rel=1e-9)


def trainer_of(tuned: Tuned, run: Run, section: PPO, tasks: Sequence[Task] = TASKS) -> Trainer:
    made = cast_of(tuned, value_model=section.critic.value_model)
    return Trainer(section, made, Learner(made.parameters, section, 10), tasks, run, seed=1)


def test_a_completion_that_does_not_stop_pays(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    section = SECTION.model_copy(update={"shaping": Shaping(missing_eos_penalty=0.75)})
    trainer = trainer_of(new_tuned(), new_run().run, section)
    rollout = trainer.roll_out(trainer.tasks_of(0), 0)
    paid = (rollout.scores - trainer.targets(rollout).scores).tolist()
    ended = rollout.stopped.tolist()
    assert {True, False} == set(ended)
    assert paid == pytest.approx([0.0 if stopped else 0.75 for stopped in ended])


def test_steps_take_prompts_in_turn_and_draw_anew(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    trainer = trainer_of(new_tuned(), new_run().run, SECTION)
    names = [[task.prompt.id for task in trainer.tasks_of(number)] for number in range(3)]
    # 3 steps of 4 are two whole epochs of the 6 prompts
    assert len(set(names[0])) == 4
    visits = list(chain(*names))
    assert sorted(visits[:6]) == sorted(visits[6:]) == [f"p{n}" for n in range(6)]
    drawn = [
        tuple(row.completions for row in trainer.roll_out(trainer.tasks_of(n), n).rows)
        for n in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1]
    assert not set(sum(drawn[0], ())) & set(sum(drawn[2], ()))


def test_more_minibatches_than_prompts_are_refused(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    section = SECTION.model_copy(update={"num_minibatches": 3})
    with pytest.raises(UsageError, match=r"ppo\.num_minibatches is 3, but a step has 2 prompts"):
        trainer_of(new_tuned(), new_run().run, section, TASKS[:2])


def test_a_reward_that_is_not_a_number_stops_the_run(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    def broken(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
        return [[float("nan") for _ in row.completions] for row in rows]

    tuned = new_tuned()
    before = weights_digest(dict(tuned.parameters))
    recorded = new_run()
    with pytest.raises(StoppedByRule, match="not finite in 3 of the last 3 updates, also at half"):
        train_ppo(SECTION, cast_of(tuned, broken), TASKS, recorded.run, seed=1)
    assert recorded.of("skipped") == [1.0, 1.0]
    assert [(step, alarm.severity) for step, alarm in recorded.alarms] == [(2, "warn"), (2, "stop")]
    assert weights_digest(dict(tuned.parameters)) == before


EAGER = SECTION.model_copy(
    update={
        "num_steps": 25,
        "batch_size": 6,
        "num_completions": 8,
        "num_epochs": 2,
        "learning_rate": 5e-3,
        "schedule": "constant",
        "checkpoint_every": 1,
        "kl_coefficient": 0.0,
        "max_new_tokens": 24,
    }
)
ONLY = {
    name: None
    for name in StopRules.model_fields
    if name.startswith(("max_", "min_")) and name != "min_accuracy"
}
"""Every rule off, so that a scenario meets the one it is about."""


def longer(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
    return [[float(len(c)) for c in row.completions] for row in rows]


def one_token(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
    return [[float(c.count(200)) for c in row.completions] for row in rows]


def less_liked(prompts: Sequence[Prompt], rows: Sequence[Row]) -> list[list[float]]:
    return [[-score for score in row] for row in share_of_liked(prompts, rows)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "setting", "reward"),
    [
        ("kl", {"max_kl": 6.0}, one_token),
        ("length", {"max_length_growth": 2.0}, longer),
        ("eos", {"min_eos_share": 0.6}, longer),
        ("entropy", {"min_entropy_share": 0.4}, one_token),
        ("distinct", {"min_distinct_share": 0.5}, one_token),
        ("ratio", {"max_ratio": 1.0001}, one_token),
    ],
)
def test_a_hacked_reward_meets_its_rule(
    new_tuned: Callable[..., Tuned],
    new_run: Callable[..., Any],
    rule: str,
    setting: dict[str, float],
    reward: Any,
) -> None:
    section = EAGER.model_copy(update={"rules": StopRules(**{**ONLY, **setting})})  # type: ignore[arg-type]
    cast = cast_of(new_tuned(tuning="full"), reward, "adapter", new_tuned().backbone)
    recorded = new_run()
    with pytest.raises(StoppedByRule, match=r"^Stopped: ") as stop:
        train_ppo(section, cast, TASKS, recorded.run, seed=1)
    assert {alarm.rule for _, alarm in recorded.alarms} == {rule}
    last, alarm = recorded.alarms[-1]
    assert alarm.severity == "stop"
    # the weights in place are those of a step no rule had spoken about
    kept = stop.value.kept_step
    assert kept is not None
    assert kept < min(step for step, _ in recorded.alarms) or rule == "ratio"
    assert last < 25


def test_an_update_that_moves_too_far_ends_the_step(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    rules = StopRules(**{**ONLY, "max_update_kl": 1e-6})  # type: ignore[arg-type]
    section = EAGER.model_copy(update={"rules": rules, "num_epochs": 4})
    trainer = trainer_of(new_tuned(), new_run().run, section)
    # the first update measures no distance yet; the second does, is left out and is the last
    assert trainer.step(0)["left_out"] == 0.5
    assert trainer.learner.updates == 1


@pytest.mark.parametrize("value_model", ["adapter", "trunk"])
def test_the_critic_may_learn_alone_at_first(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], value_model: str
) -> None:
    critic = Critic(warmup_steps=1, value_model=value_model)
    # weights that only decay would have moved as well
    section = SECTION.model_copy(update={"critic": critic, "num_steps": 2, "weight_decay": 0.1})
    trainer = trainer_of(new_tuned(), new_run().run, section)
    weights = trainer.cast.parameters
    before = {name: weight.detach().clone() for name, weight in weights.items()}

    def moved() -> set[bool]:
        return {
            name.startswith("value.")
            for name, weight in weights.items()
            if not torch.equal(weight, before[name])
        }

    trainer.step(0)
    assert moved() == {True}
    trainer.step(1)
    assert moved() == {True, False}


def sampled_by(monkeypatch: pytest.MonkeyPatch, change: Callable[..., Any]) -> None:
    """Let the sampler do something else than what it is told."""
    real = local.sample

    def sample(backbone: Any, adapter: Any, requests: Any, settings: Any, *more: Any) -> Any:
        return real(backbone, *change(adapter, requests, settings), *more)

    monkeypatch.setattr(local, "sample", sample)


def test_another_temperature_in_sampling_is_found_at_once(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled_by(
        monkeypatch,
        lambda adapter, requests, settings: (adapter, requests, replace(settings, temperature=0.2)),
    )
    recorded = new_run()
    with pytest.raises(StoppedByRule, match="the sampler and the trainer disagree by"):
        train_ppo(SECTION, cast_of(new_tuned()), TASKS, recorded.run, seed=1)
    assert [step for step, _ in recorded.alarms] == [0]


def test_a_sampler_with_stale_weights_gives_a_negative_kl(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled_by(monkeypatch, lambda adapter, requests, settings: (None, requests, settings))
    section = EAGER.model_copy(
        update={"rules": StopRules(**{**ONLY, "min_kl": -0.3}), "learning_rate": 0.05}  # type: ignore[arg-type]
    )
    recorded = new_run()
    with pytest.raises(StoppedByRule, match="a KL cannot be negative: sampling and scoring"):
        train_ppo(section, cast_of(new_tuned(), share_of_liked), TASKS, recorded.run, seed=1)
    assert {alarm.rule for _, alarm in recorded.alarms} == {"negative_kl"}


def test_the_policy_that_the_held_out_reward_liked_best_is_kept(
    new_tuned: Callable[..., Tuned], new_run: Callable[..., Any]
) -> None:
    rules = StopRules(**{**ONLY, "check_every": 2, "patience": 2})  # type: ignore[arg-type]
    section = EAGER.model_copy(update={"rules": rules})
    cast = cast_of(new_tuned(tuning="full"), share_of_liked, "adapter", new_tuned().backbone)
    cast = replace(cast, heldout=Heldout(TASKS, less_liked))
    recorded = new_run()
    with pytest.raises(StoppedByRule, match="the reward is being over-optimised") as stop:
        train_ppo(section, cast, TASKS, recorded.run, seed=1)
    held_out = {
        step: metrics["heldout/score"]
        for step, metrics in recorded.metrics.items()
        if "heldout/score" in metrics
    }
    assert all(step % 2 == 0 for step in held_out)
    assert stop.value.kept_step == max(held_out, key=lambda step: (held_out[step], -step))
