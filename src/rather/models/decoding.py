"""Decoding: one new token for each living completion, against cached keys and values."""

import torch
from torch import Tensor

from rather.models.attention import Style


class KeyValues:
    """Cached keys and values: each prompt's once, each completion's own, layer by layer."""

    def __init__(self, prompt_lengths: Tensor, per_row: int, longest: int) -> None:
        """`longest` is the most tokens a completion may reach; memory grows as they do."""
        self.prompt_lengths = prompt_lengths  # [R]
        self.per_row = per_row
        self.longest = longest
        self.prompts: list[tuple[Tensor, Tensor]] = []  # a layer: [R, H, P, D]
        self.own: list[tuple[Tensor, Tensor]] = []  # a layer: [R·N, H, C, D]

    def add_prompt(self, layer: int, k: Tensor, v: Tensor) -> None:
        """Keep one layer's prompt keys and make room for its completions'."""
        assert layer == len(self.prompts)
        rows, heads = k.shape[:2]
        self.prompts.append((k.contiguous(), v.contiguous()))
        shape = (rows * self.per_row, heads, self.longest)
        self.own.append((k.new_zeros(*shape, k.shape[3]), v.new_zeros(*shape, v.shape[3])))

    def keep_rows(self, rows: Tensor) -> None:
        """Forget every prompt but these, with its completions."""
        slots = (
            rows[:, None] * self.per_row + torch.arange(self.per_row, device=rows.device)
        ).flatten()
        self.prompt_lengths = self.prompt_lengths[rows]
        self.prompts = [(k[rows], v[rows]) for k, v in self.prompts]
        self.own = [(k[slots], v[slots]) for k, v in self.own]


class DecodeLayout:
    """One token for each living completion, at the same step of all of them."""

    def __init__(self, cache: KeyValues, living: Tensor, step: int) -> None:
        """`living` [A] are the completions' slots (row · N + n) that still grow."""
        self.cache, self.living, self.step = cache, living, step
        self.slots = cache.prompt_lengths.numel() * cache.per_row

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor, style: Style) -> Tensor:
        """See `Layout.attend`; S = A living completions."""
        heads, groups = k.shape[1], q.shape[1] // k.shape[1]
        own_k, own_v = self.cache.own[layer]
        own_k[self.living, :, self.step], own_v[self.living, :, self.step] = k, v
        seen = self.step + 1
        own_k, own_v = own_k[:, :, :seen], own_v[:, :, :seen]
        prompt_k, prompt_v = self.cache.prompts[layer]
        rows, per_row = prompt_k.shape[0], self.cache.per_row
        grid = q.new_zeros(self.slots, heads, groups, q.shape[2])
        grid[self.living] = q.view(-1, heads, groups, q.shape[2])
        # [R, H, N·G, D] against the shared prompt, [R·N, H, G, D] against their own tokens
        shared = grid.view(rows, per_row, heads, groups, -1).transpose(1, 2).flatten(2, 3)
        on_prompt = (shared @ prompt_k.transpose(-1, -2)).unflatten(2, (per_row, groups))
        on_prompt = on_prompt.transpose(1, 2).flatten(0, 1)  # [R·N, H, G, P]
        scores = torch.cat([on_prompt, grid @ own_k.transpose(-1, -2)], dim=-1)
        weights = style.weights(scores, self._allowed(style, prompt_k.shape[2])).to(q.dtype)
        on_prompt, on_self = weights.split([prompt_k.shape[2], seen], dim=-1)
        on_prompt = on_prompt.unflatten(0, (rows, per_row)).transpose(1, 2).flatten(2, 3)
        out = (on_prompt @ prompt_v).unflatten(2, (per_row, groups)).transpose(1, 2).flatten(0, 1)
        out = out + on_self @ own_v  # [R·N, H, G, D]
        return out[self.living].flatten(1, 2)

    def _allowed(self, style: Style, longest_prompt: int) -> Tensor:
        """[R·N, 1, 1, P + step + 1] where this step may look."""
        lengths = self.cache.prompt_lengths.repeat_interleave(self.cache.per_row)[:, None]
        before = torch.arange(longest_prompt, device=lengths.device)
        steps = torch.arange(self.step + 1, device=lengths.device)
        here = lengths + self.step
        on_prompt = style.sees(here, before) & (before < lengths)
        return torch.cat([on_prompt, style.sees(here, lengths + steps)], dim=1)[:, None, None]
