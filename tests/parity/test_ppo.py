"""PPO's arithmetic beside the lines of TRL 1.12's trainer, on the same tensors.

TRL puts the score one slot past EOS, and gives that slot a value too. Where every completion fills
the width there is no such slot, and both agree to the last digit but Bessel's correction; where
one is shorter they differ, and the tests say how.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from rather.equations import advantages as adv
from rather.equations import kl
from rather.equations.ppo import policy_loss, token_weights, value_loss
from rather.equations.scores import missing_eos

pytestmark = pytest.mark.slow

WIDTH = 7
EOS, OTHER_STOP = 2, 5
FULL = torch.full((6,), WIDTH)
RAGGED = torch.tensor([1, 3, 7, 5, 2, 6])
COEFFICIENTS = {"kl_coef": 0.2, "gamma": 1.0, "lam": 0.95}
CLIPS = {"cliprange": 0.2, "cliprange_value": 0.15, "vf_coef": 0.3}
ROLLOUT = ("responses", "logprobs", "ref_logprobs", "values", "scores")
MICROBATCH = (
    *("new_logprobs", "mb_logprobs", "mb_advantage", "padding_mask"),
    *("new_values", "mb_values", "mb_return", "padding_mask_p1"),
)


def places(lengths: Tensor) -> Tensor:
    return torch.arange(WIDTH) - lengths[:, None]


def bessel(mask: Tensor) -> float:
    """TRL's whitening estimates the variance without bias; ours is Ziegler et al.'s, biased.

    So of n tokens TRL's whitened advantages are smaller by √((n − 1)/n).
    """
    count = int(mask.sum())
    return math.sqrt((count - 1) / count)


def rollout(generator: torch.Generator, lengths: Tensor, stop: int = EOS) -> dict[str, Tensor]:
    """Random completions that end with a stop token, and a critic that foresees the score.

    In the slot after a completion the critic says its score, as one made from the reward model
    does: that is where the reward model reads.
    """
    shape, after = (len(lengths), WIDTH), places(lengths)
    responses = torch.randint(6, 262, shape, generator=generator)
    responses = responses.masked_fill(after == -1, stop).masked_fill(after >= 0, 0)
    scores = torch.randn(len(lengths), generator=generator)
    values = torch.randn(shape, generator=generator)
    return {
        "responses": responses,
        "logprobs": -3 * torch.rand(shape, generator=generator),
        "ref_logprobs": -3 * torch.rand(shape, generator=generator),
        "values": torch.where(after == 0, scores[:, None], values),
        "scores": scores,
    }


def microbatch(generator: torch.Generator, lengths: Tensor) -> dict[str, Tensor]:
    """A policy and a critic that have moved since the rollout, some tokens beyond the clips."""
    after = places(lengths)
    old, advantages, values, returns = (
        torch.randn(after.shape, generator=generator) for _ in range(4)
    )
    moved, changed = (0.2 * torch.randn(after.shape, generator=generator) for _ in range(2))
    return {
        "new_logprobs": old + moved,
        "mb_logprobs": old.masked_fill(after >= 0, 1.0),  # TRL's sign of an invalid one
        "mb_advantage": advantages.masked_fill(after >= 0, 0.0),
        "padding_mask": after >= 0,
        "new_values": values + changed,
        "mb_values": values.masked_fill(after > 0, 0.0),
        "mb_return": returns.masked_fill(after > 0, 0.0),
        "padding_mask_p1": after > 0,
    }


def one_token_by_hand() -> dict[str, Tensor]:
    """One token twice as likely as it was, advantage 1, return 2; one slot past it, return 4."""
    return {
        "new_logprobs": torch.tensor([[-0.5, -0.5]]),
        "mb_logprobs": torch.tensor([[-0.5 - math.log(2), 1.0]]),
        "mb_advantage": torch.tensor([[1.0, 0.0]]),
        "padding_mask": torch.tensor([[False, True]]),
        "new_values": torch.zeros(1, 2),
        "mb_values": torch.zeros(1, 2),
        "mb_return": torch.tensor([[2.0, 4.0]]),
        "padding_mask_p1": torch.tensor([[False, False]]),
    }


def three_tokens_by_hand() -> dict[str, Tensor]:
    """A completion of three tokens that scores 2, with a critic that says 0 everywhere."""
    return {
        "responses": torch.tensor([[9, 9, EOS, 0, 0]]),
        "logprobs": torch.zeros(1, 5),
        "ref_logprobs": torch.zeros(1, 5),
        "values": torch.zeros(1, 5),
        "scores": torch.tensor([2.0]),
    }


def plain_by_hand(advantage: float, count: int) -> dict[str, Tensor]:
    """A microbatch of one completion at ratio 1, every token of one advantage."""
    zeros, nothing = torch.zeros(1, count), torch.zeros(1, count, dtype=torch.bool)
    floats = {name: zeros.clone() for name in MICROBATCH if not name.startswith("padding")}
    masks = {name: nothing.clone() for name in MICROBATCH if name.startswith("padding")}
    return {**floats, **masks, "mb_advantage": torch.full((1, count), advantage)}


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(6)
    groups = {
        "full rollout": rollout(generator, FULL),
        "ragged rollout": rollout(generator, RAGGED),
        "other stop": rollout(generator, RAGGED, stop=OTHER_STOP),
        "three tokens": three_tokens_by_hand(),
        "full": microbatch(generator, FULL),
        "ragged": microbatch(generator, RAGGED),
        "one token": one_token_by_hand(),
        "short": plain_by_hand(1.0, 1),
        "long": plain_by_hand(5.0, 3),
        "two values": {"values": torch.tensor([[1.0, 3.0]]), "mask": torch.ones(1, 2)},
    }
    return {f"{on}/{of}": tensor for on, group in groups.items() for of, tensor in group.items()}


@pytest.fixture(scope="module")
def trl(ask: Callable[..., Any], tensors: dict[str, Tensor]) -> Any:
    args = {**COEFFICIENTS, "missing_eos_penalty": None, "whiten_rewards": False}
    targets = {
        f"{on}, {estimator}": {
            "on": on,
            "reads": ROLLOUT,
            "args": {**args, "kl_estimator": estimator},
        }
        for on in ("full rollout", "ragged rollout")
        for estimator in ("k1", "k3")
    }
    more = {**args, "kl_estimator": "k1", "kl_coef": 0.0}
    targets["three tokens"] = {"on": "three tokens", "reads": ROLLOUT, "args": more}
    for on in ("ragged rollout", "other stop"):
        paying = {**more, "missing_eos_penalty": 1.5}
        targets[f"{on}, penalty"] = {"on": on, "reads": ROLLOUT, "args": paying}
    losses = {
        on: {"on": on, "reads": MICROBATCH, "args": CLIPS}
        for on in ("full", "ragged", "one token", "short", "long")
    }
    whitening = {
        "centred": {"on": "two values", "shift_mean": True},
        "not centred": {"on": "two values", "shift_mean": False},
    }
    request = {"targets": targets, "losses": losses, "whitening": whitening}
    return ask("trl_ppo", "1.12", request, tensors)


def given(tensors: Mapping[str, Tensor], on: str) -> dict[str, Tensor]:
    found = {k.removeprefix(f"{on}/"): t for k, t in tensors.items() if k.startswith(f"{on}/")}
    return {name: tensor.clone() for name, tensor in found.items()}


@pytest.mark.parametrize("estimator", ["k1", "k3"])
@pytest.mark.parametrize(("on", "lengths"), [("full rollout", FULL), ("ragged rollout", RAGGED)])
def test_rewards_returns_and_advantages(
    trl: Any,
    tensors: dict[str, Tensor],
    assert_same: Callable[..., None],
    on: str,
    lengths: Tensor,
    estimator: str,
) -> None:
    made, theirs = given(tensors, on), trl.under(f"targets/{on}, {estimator}")
    mask = places(lengths) < 0
    assert torch.equal(~theirs["padding_mask"], mask)
    penalties = kl.ESTIMATORS[estimator](made["logprobs"], made["ref_logprobs"])
    rewards = adv.token_rewards(made["scores"], penalties, mask, kl_coefficient=0.2)
    advantages, returns = adv.gae(rewards, made["values"], mask, discount=1.0, gae_lambda=0.95)
    whitened = adv.whiten(advantages, mask, center_mean=True) * bessel(mask)
    assert_same(
        {"returns": returns, "advantages": whitened, "total": rewards.sum(dim=1)},
        {
            "returns": theirs["returns"] * mask,
            "advantages": theirs["advantages"],
            "total": theirs["rewards"].sum(dim=1),
        },
    )
    at_the_score = lengths.clamp(max=WIDTH - 1)  # one past the end, where there is such a slot
    ours_there = rewards.gather(1, at_the_score[:, None])[:, 0]
    theirs_there = theirs["rewards"].gather(1, at_the_score[:, None])[:, 0]
    assert torch.equal(ours_there != theirs_there, lengths < WIDTH)


def test_the_score_is_on_the_last_token_not_past_it(trl: Any, tensors: dict[str, Tensor]) -> None:
    """Past EOS, with a critic that says 0 there, every token loses a factor λ = 0.95 of the score.

    A score of 2 by hand. Ours 2·λ², 2·λ, 2; TRL's 2·λ³, 2·λ², 2·λ, and 2 where no token is.
    """
    made = given(tensors, "three tokens")
    mask = torch.tensor([[True, True, True, False, False]])
    rewards = adv.token_rewards(made["scores"], torch.zeros(1, 5), mask, kl_coefficient=0.0)
    _, returns = adv.gae(rewards, made["values"], mask, discount=1.0, gae_lambda=0.95)
    assert returns[0].tolist() == pytest.approx([1.805, 1.9, 2.0, 0.0, 0.0])
    theirs = trl.tensors["targets/three tokens/returns"][0].tolist()
    assert theirs == pytest.approx([1.71475, 1.805, 1.9, 2.0, 0.0])


def test_who_pays_for_a_missing_eos(
    trl: Any, tensors: dict[str, Tensor], assert_same: Callable[..., None]
) -> None:
    """Whoever ended by a stop token in force does not; TRL looks for the EOS id, whatever stops.

    (TRL issue 3750: with another stop token all pay, or none.)
    """
    stopped = torch.ones(6, dtype=torch.bool)
    by_eos, by_other = tensors["ragged rollout/scores"], tensors["other stop/scores"]
    ours = {
        "eos": missing_eos(by_eos, stopped, penalty=1.5),
        "other": missing_eos(by_other, stopped, penalty=1.5),
    }
    assert_same(ours, {"eos": by_eos, "other": by_other})
    theirs = trl.tensors["targets/ragged rollout, penalty/scores"]
    assert torch.equal(theirs, by_eos)
    assert torch.allclose(trl.tensors["targets/other stop, penalty/scores"], by_other - 1.5)


def test_whitening_by_hand(trl: Any, tensors: dict[str, Tensor]) -> None:
    """1 and 3: mean 2, biased variance 1, unbiased variance 2.

    Centred, ours is ∓1 and TRL's ∓1/√2. Not centred, ours divides by the deviation only: 1, 3;
    TRL's puts the mean back after dividing: 2 ∓ 1/√2.
    """
    made = given(tensors, "two values")
    values, mask = made["values"], made["mask"].bool()
    centred = adv.whiten(values, mask, center_mean=True)
    assert centred[0].tolist() == pytest.approx([-1.0, 1.0], abs=1e-6)
    theirs = trl.tensors["whitening/centred/whitened"][0].tolist()
    assert theirs == pytest.approx([-0.707107, 0.707107], abs=1e-6)
    scaled = adv.whiten(values, mask, center_mean=False)
    assert scaled[0].tolist() == pytest.approx([1.0, 3.0], abs=1e-6)
    theirs = trl.tensors["whitening/not centred/whitened"][0].tolist()
    assert theirs == pytest.approx([1.292893, 2.707107], abs=1e-6)


def ours_of(made: Mapping[str, Tensor], value_mask: Tensor) -> dict[str, Tensor]:
    """Our losses of TRL's microbatch: the policy's on its tokens, the critic's on a given mask."""
    mask = ~made["padding_mask"]
    policy = policy_loss(
        made["new_logprobs"],
        made["mb_logprobs"],
        made["mb_advantage"],
        mask,
        clip_range=CLIPS["cliprange"],
    )
    value = value_loss(
        made["new_values"],
        made["mb_values"],
        made["mb_return"],
        value_mask,
        value_clip_range=CLIPS["cliprange_value"],
    )
    width = mask.shape[1]
    weights = token_weights(mask, "token", max_length=width)
    value_weights = token_weights(value_mask, "token", max_length=width)
    found = {
        "pg_loss": (policy.loss * weights).sum(),
        "vf_loss": (value.loss * value_weights).sum(),
        "pg_clipfrac": (policy.clipped * weights).sum(),
        "vf_clipfrac": (value.clipped * value_weights).sum(),
        "approxkl": (policy.approx_kl * weights).sum(),
        "ratio": (policy.ratio * weights).sum(),
    }
    return {**found, "loss": found["pg_loss"] + CLIPS["vf_coef"] * found["vf_loss"]}


@pytest.mark.parametrize("on", ["full", "ragged"])
def test_losses_and_gradients(
    trl: Any, tensors: dict[str, Tensor], assert_same: Callable[..., None], on: str
) -> None:
    """TRL's critic learns from a slot past the tokens too; given that mask, ours is the same."""
    made, theirs = given(tensors, on), trl.under(f"losses/{on}")
    logprobs, values = (made[name].requires_grad_() for name in ("new_logprobs", "new_values"))
    ours = ours_of(made, ~made["padding_mask_p1"])
    gradients = torch.autograd.grad(ours["loss"], [logprobs, values])
    assert_same(
        dict(zip(("logprobs", "values"), gradients, strict=True)),
        trl.under(f"losses/{on}/gradient"),
    )
    names = ["pg_loss", "vf_loss", "loss", "pg_clipfrac", "vf_clipfrac"]
    assert_same({name: ours[name] for name in names}, {name: theirs[name] for name in names})
    assert 0.1 < ours["pg_clipfrac"] < 0.9 and 0.1 < ours["vf_clipfrac"] < 0.9
    # TRL averages these two over padding too, where nothing has moved: KL 0 and ratio 1
    share = (~made["padding_mask"]).float().mean()
    assert_same(
        {"approxkl": ours["approxkl"] * share, "ratio": ours["ratio"] * share + (1 - share)},
        {name: theirs[name] for name in ("approxkl", "ratio")},
    )


def test_padding_is_in_none_of_our_averages(trl: Any, tensors: dict[str, Tensor]) -> None:
    """One token twice as likely, beside one slot of padding.

    By hand: its loss −1.2 (clipped) in both. Its ratio 2, TRL's mean with padding's 1: 1.5. Its KL
    ½·(ln 2)² = 0.240227, TRL's half of it. Its value loss ½·2² = 2; TRL's critic is also asked for
    the return 4 of the slot past it: ½·(2² + 4²)/2 = 5.
    """
    made = given(tensors, "one token")
    ours = ours_of(made, ~made["padding_mask"])
    names = ("pg_loss", "ratio", "approxkl", "vf_loss")
    found = [ours[name].item() for name in names]
    assert found == pytest.approx([-1.2, 2.0, 0.240227, 2.0], abs=1e-5)
    theirs = [trl.tensors[f"losses/one token/{name}"].item() for name in names]
    assert theirs == pytest.approx([-1.2, 1.5, 0.120113, 5.0], abs=1e-5)


def test_every_token_of_a_minibatch_weighs_the_same(trl: Any, tensors: dict[str, Tensor]) -> None:
    """A completion of one token at advantage 1, one of three at advantage 5, a microbatch each.

    By hand: over all four tokens −(1 + 3·5)/4 = −4, however they are cut. TRL's trainer takes the
    mean of the microbatches' means, −(1 + 5)/2 = −3, so the lone token counts like three others.
    """
    short, long = given(tensors, "short"), given(tensors, "long")
    wide = torch.nn.functional.pad(short["mb_advantage"], (0, 2))
    advantages = torch.cat([wide, long["mb_advantage"]])
    mask = torch.tensor([[True, False, False], [True, True, True]])
    zeros = torch.zeros(2, 3)
    losses = policy_loss(zeros, zeros, advantages, mask, clip_range=0.2).loss
    weights = token_weights(mask, "token", max_length=3)
    assert (losses * weights).sum().item() == pytest.approx(-4.0)
    parts = [(losses * weights)[place].sum().item() for place in range(2)]
    assert sum(parts) == pytest.approx(-4.0)
    theirs = [trl.tensors[f"losses/{name}/loss"].item() for name in ("short", "long")]
    assert sum(theirs) / 2 == pytest.approx(-3.0)
