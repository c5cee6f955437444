"""Everything the figure and the table show, computed once and kept as plain numbers."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from examples.known_truth import optima
from examples.known_truth import overoptimization as over
from examples.known_truth.learning import tune_by_ppo
from examples.known_truth.methods import METHODS, ppo_section
from examples.known_truth.overoptimization import Case, Curve
from examples.known_truth.world import World, new_world, random_rewards

ENSEMBLE = "mean_minus_std"
POINT_BETAS = (2.0, 1.0, 0.5, 0.25)
"""KL coefficients at which PPO is trained against a proxy."""
POINTS_GOLD, POINTS_MODEL = 0, 1
"""The gold (by seed) and the reward model of these points: its gold falls within reach, where the
proxy's favourites are not so rare that no sample ever shows them."""


class Method(NamedTuple):
    """A method's way to its optimum, means over prompts."""

    name: str
    before: float
    after: float
    value: float
    best: float


class Line(NamedTuple):
    """A curve of over-optimisation, as numbers."""

    root_kl: list[float]
    proxy: list[float]
    gold: list[float]
    peak: int


class Point(NamedTuple):
    """A policy that PPO trained against a proxy."""

    kind: str
    beta: float
    kl: float
    gold: float
    exact_kl: float
    """Of π_β, where it should have arrived."""
    exact_gold: float


class Results(NamedTuple):
    """All of it."""

    methods: list[Method]
    num_golds: int
    single: Line
    """The mean over golds of what to expect of one reward model."""
    ensemble: Line
    lines: dict[str, Line]
    """Of one gold: one reward model, and the ensemble."""
    points: list[Point]


def compute(say: Callable[[str], None]) -> Results:
    """Train everything; `say` hears what is under way."""
    methods = []
    for name, method in METHODS.items():
        say(f"{name} in the known world")
        world = new_world()
        found = method(world, random_rewards(world))
        methods.append(Method(name, *(value.mean().item() for value in found)))
    wide = over.new_prompts_world()
    cases = {}
    for seed in over.GOLD_SEEDS:
        say(f"{over.NUM_MODELS} reward models of gold {seed}")
        cases[seed] = over.new_case(wide, seed)
    single = [over.single_curve(wide, case) for case in cases.values()]
    together = [over.ensemble_curve(wide, case, ENSEMBLE) for case in cases.values()]
    shown = cases[POINTS_GOLD]
    proxies = _proxies(shown)
    points = []
    for kind, proxy in proxies.items():
        for beta in POINT_BETAS:
            say(f"PPO against {kind}, β = {beta:g}")
            points.append(train_point(wide, shown, proxy, kind, beta))
    return Results(
        methods=methods,
        num_golds=len(cases),
        single=_line(over.mean_curve(single)),
        ensemble=_line(over.mean_curve(together)),
        lines={k: _line(over.curve_of(wide, p, shown.gold)) for k, p in proxies.items()},
        points=points,
    )


def train_point(world: World, case: Case, proxy: Tensor, kind: str, beta: float) -> Point:
    """PPO against a proxy at one KL coefficient, and where it should have arrived."""
    section = ppo_section(kl_coefficient=beta, num_completions=32)
    reference = world.logprobs(world.reference)
    trained = world.logprobs(tune_by_ppo(world, proxy, section))
    exact = optima.optimal_policy(reference, proxy, beta)
    return Point(
        kind,
        beta,
        kl=optima.kl(trained, reference).mean().item(),
        gold=optima.expectation(trained, case.gold).mean().item(),
        exact_kl=optima.kl(exact, reference).mean().item(),
        exact_gold=optima.expectation(exact, case.gold).mean().item(),
    )


def _proxies(case: Case) -> dict[str, Tensor]:
    return {
        "one reward model": case.proxies[POINTS_MODEL],
        "ensemble": over.ensemble(case.proxies, ENSEMBLE),
    }


def _line(curve: Curve) -> Line:
    return Line(curve.kl.sqrt().tolist(), curve.proxy.tolist(), curve.gold.tolist(), curve.peak)
