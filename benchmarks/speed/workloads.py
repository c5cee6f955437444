"""What every system is given: the same token ids, made of the packaged prompts, the same each run.

Lengths are spread evenly over a range and shuffled by a fixed seed, so nothing but the tokenizer
can change a workload. Completions that are written during a measurement end at lengths that are
forced. With us the way a user would: the model's context ends there (its `config.json` says so, so
prompts that are longer are answered more shortly); with the others by a stopping criterion.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any

from transformers import AutoTokenizer

Ids = list[int]


@dataclass(frozen=True)
class Pairs:
    """Comparisons: a prompt, a chosen and a rejected completion each."""

    prompts: list[Ids]
    chosen: list[Ids]
    rejected: list[Ids]

    @property
    def num_tokens(self) -> int:
        """Tokens of all conversations, a prompt counted for each of its two completions."""
        both = sum(map(len, self.chosen)) + sum(map(len, self.rejected))
        return 2 * sum(map(len, self.prompts)) + both


@dataclass(frozen=True)
class Writing:
    """Prompts to be answered, and where the answers end."""

    prompts: list[Ids]
    num_samples: int
    """Completions a prompt."""
    max_new_tokens: int
    context: int
    """Prompt and completion together are never longer."""

    @property
    def ends(self) -> list[int]:
        """Forced length of each prompt's completions."""
        return [min(self.max_new_tokens, self.context - len(ids)) for ids in self.prompts]

    @property
    def num_tokens(self) -> int:
        """Completion tokens."""
        return self.num_samples * sum(self.ends)


Workload = Pairs | Writing


def spread(count: int, low: int, high: int, seed: int) -> list[int]:
    """`count` lengths evenly from low to high (both included), shuffled."""
    step = (high - low) / max(1, count - 1)
    lengths = [round(low + place * step) for place in range(count)]
    Random(seed).shuffle(lengths)
    return lengths


def packaged_ids(folder: Path) -> Ids:
    """The packaged prompts, one after another, as the model's tokens."""
    text = files("rather.data").joinpath("prompts/everyday.jsonl").read_text("utf-8")
    prompts = [json.loads(line)["prompt"] for line in text.splitlines()]
    return list(AutoTokenizer.from_pretrained(folder)(" ".join(prompts))["input_ids"])


class Cutter:
    """Cuts pieces of given lengths off an endless stream of the same tokens."""

    def __init__(self, ids: Ids) -> None:
        self._stream = cycle(ids)

    def cut(self, lengths: Sequence[int]) -> list[Ids]:
        """The next tokens, one piece a length."""
        return [list(islice(self._stream, length)) for length in lengths]


def pairs(ids: Ids, count: int) -> Pairs:
    """Prompts of 20 to 120 tokens (mean 70), completions of 20 to 64 (mean 42)."""
    cutter = Cutter(ids)
    prompts = cutter.cut(spread(count, 20, 120, seed=0))
    chosen, rejected = (cutter.cut(spread(count, 20, 64, seed=seed)) for seed in (1, 2))
    return Pairs(prompts, chosen, rejected)


def generation(ids: Ids, count: int, num_samples: int) -> Writing:
    """Prompts of 20 to 88 tokens, answered by 24 to 64: every eighth prompt is short."""
    num_short = count // 8
    lengths = [*spread(num_short, 20, 44, seed=3), *spread(count - num_short, 48, 88, seed=4)]
    return Writing(Cutter(ids).cut(lengths), num_samples, max_new_tokens=64, context=112)


def rollouts(ids: Ids, count: int, num_samples: int) -> Writing:
    """Prompts of 20 to 120 tokens (mean 70), answered by 16 to 32: most by 32."""
    prompts = Cutter(ids).cut(spread(count, 20, 120, seed=5))
    return Writing(prompts, num_samples, max_new_tokens=32, context=136)


def even_answers(ids: Ids, count: int, num_samples: int) -> Writing:
    """Prompts of 20 to 120 tokens, all answered by 48."""
    prompts = Cutter(ids).cut(spread(count, 20, 120, seed=6))
    return Writing(prompts, num_samples, max_new_tokens=48, context=168)


def square(ids: Ids, count: int, num_prompt: int, num_completion: int) -> Pairs:
    """Pairs that all have the same lengths, to see how cost grows with one of them."""
    cutter = Cutter(ids)
    sizes = (num_prompt, num_completion, num_completion)
    return Pairs(*(cutter.cut([size] * count) for size in sizes))


def square_writing(ids: Ids, count: int, num_prompt: int, num_completion: int) -> Writing:
    """Prompts and answers that all have the same lengths."""
    prompts = Cutter(ids).cut([num_prompt] * count)
    return Writing(prompts, 1, num_completion, context=num_prompt + num_completion)


def as_json(workload: Workload) -> dict[str, Any]:
    """What a worker is told of a workload."""
    found = asdict(workload)
    return found | {"ends": workload.ends} if isinstance(workload, Writing) else found
