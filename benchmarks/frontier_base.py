"""What the base model's own completions say: best-of-n, and the most any policy could have."""

import math
from collections.abc import Sequence
from statistics import mean
from typing import Any, NamedTuple

from rather.equations.kl import best_of_n_kl
from rather.feedback.gold import vader
from rather.records import Prompt
from rather.rollout import local
from rather.stages.runs import open_library
from rather.stages.sampling import seed_of
from rather.store import prompts
from rather.workspace import Workspace


class Drawn(NamedTuple):
    """What best-of-n sees of a completion."""

    gold: float
    num_tokens: int
    has_stopped: bool


def drawn_for_held_out(ws: Workspace, num_drawn: int) -> list[list[Drawn]]:
    """Completions of each held-out prompt by the base, as `evaluate` samples, the worst first.

    Drawn here, each on its own: `sample` is for labelling, and gives a text only once.
    """
    library, section = open_library(ws), ws.config.evaluate
    policy, codec = library.policy("base"), library.codec("base")
    settings = local.Settings(section.temperature, section.max_new_tokens, codec.stop_ids)
    asked = prompts.all(ws.db, "heldout")
    requests = []
    for prompt in asked:
        seeds = (seed_of(ws.config.seed, prompt.id, "base", {}, n) for n in range(num_drawn))
        requests.append(local.Request(codec.prompt_ids(prompt), tuple(seeds)))
    with ws.progress.track("draws for best-of-n", None, "tokens") as task:
        drawn = local.sample(policy.backbone, policy.adapter, requests, settings, task.advance)

    def seen(prompt: Prompt, one: local.Sampled) -> Drawn:
        gold = vader(prompt, codec.text(one.ids))
        return Drawn(gold, len(one.ids), one.finish_reason == "stop")

    rows = [[seen(prompt, one) for one in row] for prompt, row in zip(asked, drawn, strict=True)]
    return [sorted(row, key=lambda one: one.gold) for row in rows]


def best_of_n_weights(num_drawn: int, n: int) -> list[float]:
    """Probability that the i-th worst of so many drawn is the best of n of them, taken at random.

    C(i−1, n−1) / C(N, n): weighting by it gives the exact mean over all choices of n.
    """
    return [math.comb(i, n - 1) / math.comb(num_drawn, n) for i in range(num_drawn)]


def best_of_n_points(drawn: Sequence[Sequence[Drawn]], ns: Sequence[int]) -> list[dict[str, Any]]:
    """What choosing the best of n base completions would give, on average over prompts."""

    def point(n: int) -> dict[str, Any]:
        weighted = [
            (weight / len(drawn), one)
            for row in drawn
            for weight, one in zip(best_of_n_weights(len(row), n), row, strict=True)
        ]
        return {
            "method": "best-of-n",
            "setting": n,
            "stopped": "",
            "kl": best_of_n_kl(n),
            "gold": sum(weight * one.gold for weight, one in weighted),
            "mean_length": sum(weight * one.num_tokens for weight, one in weighted),
            "eos_rate": sum(weight * one.has_stopped for weight, one in weighted),
            "base_perplexity": None,
        }

    return [point(n) for n in ns]


def optimum(gold: Sequence[Sequence[float]]) -> list[dict[str, float]]:
    """The best any policy over the drawn completions can do: π ∝ π_ref·exp(gold/λ), λ falling.

    Rafailov et al. 2023, Eq. 4, with π_ref uniform over a prompt's N drawn completions. It ends
    where a prompt has fewer than N/4 completions left to speak of, and says too little from there.
    """
    found = []
    for coefficient in (math.inf, 1.0, 0.7, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.12, 0.1):
        tilted = [tilt(scores, coefficient) for scores in gold]
        kl = mean(kl for kl, _ in tilted)
        if kl > math.log(4):
            break
        found.append({"kl": kl, "gold": mean(score for _, score in tilted)})
    return found


def tilt(scores: Sequence[float], coefficient: float) -> tuple[float, float]:
    """KL from the uniform distribution, and mean score, of p ∝ exp(score / coefficient)."""
    highest = max(scores)
    weights = [math.exp((score - highest) / coefficient) for score in scores]
    chances = [weight / sum(weights) for weight in weights]
    kl = sum(p * math.log(p * len(scores)) for p in chances if p)
    return kl, sum(p * score for p, score in zip(chances, scores, strict=True))
