"""A world small enough to write down: a real transformer whose every completion can be listed.

Three words and a stop token, at most three tokens a completion: 40 completions of each prompt,
those that the length limit cuts included. A policy's distribution over them is then exact, a table
[P, Y] of prompts by completions, and so is every expectation under it.
"""

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from rather.data.batch import Row
from rather.models.backbone import Backbone
from rather.models.roles import Policy
from rather.records import Message, Prompt
from rather.rollout.tables import sequence_logprobs

STOP = 0
WORDS = (1, 2, 3)
PROMPTS = ((STOP, 1), (STOP, 2, 3), (STOP, 3, 1, 2))
"""The first token marks the beginning: without it rotary attention cannot count equal tokens."""
MICROBATCH_TOKENS = 4096
LOUDNESS = 0.12
"""Standard deviation of the noise on the random weights: the reference is far from uniform."""

Completion = tuple[int, ...]


@dataclass(frozen=True)
class World:
    """A reference policy, some prompts, and all the completions there are."""

    reference: Policy
    prompts: tuple[tuple[int, ...], ...]
    completions: tuple[Completion, ...]
    max_new_tokens: int

    @property
    def shape(self) -> tuple[int, int]:
        """P prompts, Y completions: the shape of every table."""
        return len(self.prompts), len(self.completions)

    @property
    def rows(self) -> list[Row]:
        """Each prompt with every completion."""
        return [Row(prompt, self.completions) for prompt in self.prompts]

    def records(self) -> list[Prompt]:
        """The prompts as trainers know them."""
        return [
            Prompt(f"p{n}", (Message("user", " ".join(map(str, ids))),), "train")
            for n, ids in enumerate(self.prompts)
        ]

    def logprobs(self, policy: Policy, temperature: float = 1.0) -> Tensor:
        """log π(y|x) of everything the policy can say: [P, Y], float64; each row sums to 1."""
        (flat,) = sequence_logprobs(
            policy, self.rows, MICROBATCH_TOKENS, temperatures=(temperature,)
        )
        return flat.view(self.shape).double()


def new_world(
    *,
    words: tuple[int, ...] = WORDS,
    prompts: tuple[tuple[int, ...], ...] = PROMPTS,
    max_new_tokens: int = 3,
    seed: int = 0,
) -> World:
    """A world with a random reference; the same arguments give the same world."""
    backbone = _random_backbone(vocabulary=max(words) + 1, seed=seed)
    return World(Policy(backbone), prompts, all_completions(words, max_new_tokens), max_new_tokens)


def all_completions(words: tuple[int, ...], max_new_tokens: int) -> tuple[Completion, ...]:
    """Every completion: words and the stop token, or as many words as the limit lets through."""
    stopped = [
        (*begun, STOP)
        for length in range(max_new_tokens)
        for begun in product(words, repeat=length)
    ]
    return (*stopped, *product(words, repeat=max_new_tokens))


def random_rewards(world: World, seed: int = 0) -> Tensor:
    """r(x, y) drawn once from N(0, 1): [P, Y]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(world.shape, generator=generator, dtype=torch.float64)


def _random_backbone(vocabulary: int, seed: int) -> Backbone:
    """A Llama of two layers whose vocabulary is the stop token and the words, nothing else."""
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=32,
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=STOP,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * LOUDNESS)
    return Backbone(model)
