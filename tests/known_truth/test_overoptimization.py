"""A proxy followed too far: its score rises, the gold peaks and falls; an ensemble peaks higher."""

import pytest
import torch

from examples.known_truth.overoptimization import (
    BETAS,
    Case,
    Curve,
    curve_of,
    ensemble,
    ensemble_curve,
    new_case,
    new_prompts_world,
    single_curve,
)
from examples.known_truth.world import World


@pytest.fixture(scope="module")
def wide_world() -> World:
    return new_prompts_world()


@pytest.fixture(scope="module")
def case(wide_world: World) -> Case:
    return new_case(wide_world, seed=2, num_models=4)


def test_the_gold_itself_cannot_be_optimised_too_far(wide_world: World) -> None:
    gold = torch.randn(wide_world.shape, dtype=torch.float64)
    curve = curve_of(wide_world, gold, gold)
    assert curve.peak == len(BETAS) - 1
    assert (curve.gold.diff() > 0).all()


@pytest.mark.slow
def test_the_proxy_rises_while_the_gold_peaks_and_falls(wide_world: World, case: Case) -> None:
    curve = single_curve(wide_world, case)
    assert (curve.proxy.diff() > 0).all()
    assert (curve.kl.diff() > 0).all()
    assert 5 < curve.peak < len(BETAS) - 5
    assert curve.gold[curve.peak] > curve.gold[0] + 0.2
    assert curve.gold[-1] < curve.gold[curve.peak] - 0.2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mean", "minimum", "mean_minus_std"])
def test_an_ensemble_moves_the_peak(wide_world: World, case: Case, kind: str) -> None:
    single, together = single_curve(wide_world, case), ensemble_curve(wide_world, case, kind)
    assert together.gold[together.peak] > single.gold[single.peak] + 0.2
    assert together.kl[together.peak] > single.kl[single.peak]
    # and what is lost by going on is less
    assert lost(together) < lost(single)


def lost(curve: Curve) -> float:
    return (curve.gold[curve.peak] - curve.gold[-1]).item()


def test_ensembles_by_hand() -> None:
    # two models on one prompt: means 2 and 1, distances from them 1 and 2
    proxies = torch.tensor([[[1.0, 3.0]], [[3.0, -1.0]]])
    assert ensemble(proxies, "mean").tolist() == [[2.0, 1.0]]
    assert ensemble(proxies, "minimum").tolist() == [[1.0, -1.0]]
    assert ensemble(proxies, "mean_minus_std", 0.5).tolist() == [[1.5, 0.0]]
