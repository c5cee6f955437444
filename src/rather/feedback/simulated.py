"""Simulated labellers: a gold score with Bradley–Terry noise, declared as simulated everywhere.

A draw depends only on the seed and on the ids of what is judged, so the same items get the same
judgments in any order, in any process, and with the sides swapped.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rather.feedback.gold import Gold
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.feedback.thumb import Thumb
from rather.records import Completion, Labeller, Prompt


@dataclass(frozen=True)
class SimulatedLabeller:
    """Judges by a gold score; a higher noise temperature errs more often, 0 never errs."""

    gold: Gold
    noise_temperature: float = 0.0
    """In units of the gold score: P(A) = σ((g(A) − g(B)) / temperature)."""
    tie_margin: float = 0.0
    """Gold differences up to this are ties."""
    seed: int = 0

    @property
    def labeller(self) -> Labeller:
        """The labeller that its judgments are stored under."""
        settings = {
            "noise_temperature": self.noise_temperature,
            "tie_margin": self.tie_margin,
            "seed": self.seed,
        }
        return labeller(self.gold.name, settings)

    def judge_pair(self, prompt: Prompt, left: Completion, right: Completion) -> Pair:
        """Choose one of two completions, or a tie."""
        gap = self.gold.score(prompt, left.text) - self.gold.score(prompt, right.text)
        if abs(gap) <= self.tie_margin:
            return Pair(left.id, right.id, "tie")
        # Drawn for the pair with its ids in order: showing it mirrored must not change the winner.
        is_ordered = left.id <= right.id
        draw = self._uniform("pair", prompt.id, *sorted((left.id, right.id)))
        chance = _sigmoid(gap if is_ordered else -gap, self.noise_temperature)
        is_left = (draw < chance) == is_ordered
        return Pair(left.id, right.id, "A" if is_left else "B")

    def judge_ranking(self, prompt: Prompt, completions: Sequence[Completion]) -> Ranking:
        """Rank completions as Plackett–Luce draws them; 1 is best, ties share a rank."""
        golds = {one.id: self.gold.score(prompt, one.text) for one in completions}
        noisy = {key: gold + self._gumbel(prompt.id, key) for key, gold in golds.items()}
        order = sorted(golds, key=lambda key: (-noisy[key], key))
        ranks: dict[str, int] = {}
        leader = order[0]
        for place, key in enumerate(order, start=1):
            if key == leader or abs(golds[key] - golds[leader]) > self.tie_margin:
                leader, ranks[key] = key, place
            else:
                ranks[key] = ranks[leader]
        ids = tuple(one.id for one in completions)
        return Ranking(ids, tuple(ranks[key] for key in ids))

    def judge_thumb(self, prompt: Prompt, completion: Completion) -> Thumb:
        """Give a thumb up with P = σ((g − neutral) / temperature)."""
        gap = self.gold.score(prompt, completion.text) - self.gold.neutral
        draw = self._uniform("thumb", prompt.id, completion.id)
        return Thumb(completion.id, draw < _sigmoid(gap, self.noise_temperature))

    def _gumbel(self, prompt_id: str, completion_id: str) -> float:
        draw = self._uniform("ranking", prompt_id, completion_id)
        return -self.noise_temperature * math.log(-math.log(draw))

    def _uniform(self, *items: str) -> float:
        key = "\x1f".join((self.gold.name, str(self.seed), *items))
        digits = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 12
        return (digits + 0.5) / 2**52  # 52 bits: exact in a float, never 0 and never 1


def labeller(gold_name: str, settings: Mapping[str, Any]) -> Labeller:
    """Return the declared labeller of a gold score; its id says seed, noise and tie margin."""
    seed = settings.get("seed", 0)
    temperature = settings.get("noise_temperature", 0.0)
    tie_margin = settings.get("tie_margin", 0.0)
    identity = f"sim:{gold_name}:s{seed}:t{temperature:g}"
    if tie_margin:
        identity += f":m{tie_margin:g}"
    declared = {"gold": gold_name, **settings}
    return Labeller(identity, f"{gold_name} (simulated)", is_simulated=True, settings=declared)


def _sigmoid(gap: float, temperature: float) -> float:
    if temperature == 0:
        return 1.0 if gap >= 0 else 0.0
    scaled = gap / temperature
    # The form whose exponential cannot overflow.
    if scaled >= 0:
        return 1.0 / (1.0 + math.exp(-scaled))
    return math.exp(scaled) / (1.0 + math.exp(scaled))
