"""One token for each row, each under its own settings."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rather.equations.sampling import Odds, filter_top_p, odds
from rather.rollout.requests import Completion, Likelihood, Settings


class Row(NamedTuple):
    """A completion that wants its next token."""

    settings: Settings
    completion: Completion


def draw(logits: Tensor, rows: Sequence[Row]) -> list[tuple[int, float]]:
    """The next token of each row with its log-probability before any top-p filter: logits [A, V].

    What a row draws depends on nothing but its logits, its settings and its own numbers.
    """
    temperatures = [row.settings.temperature for row in rows]
    divisors = None
    if any(temperature not in (0, 1) for temperature in temperatures):
        divisors = torch.tensor([t or 1.0 for t in temperatures], device=logits.device)
    whole = odds(logits, divisors)
    greedy = [place for place, temperature in enumerate(temperatures) if temperature == 0]
    if len(greedy) == len(rows):
        tokens = logits.max(dim=-1).indices
    else:
        numbers = [
            row.completion.uniforms[len(row.completion.ids)] if row.settings.temperature else 0.0
            for row in rows
        ]
        drawn_with = torch.tensor(numbers, dtype=torch.float64, device=logits.device)
        tokens = whole.draw(drawn_with)
        if greedy:
            tokens[greedy] = logits[greedy].max(dim=-1).indices
        tokens = _nucleus(tokens, whole, drawn_with, rows)
    logprobs = whole.of(tokens[:, None])[:, 0] - whole.log_total
    both = torch.stack([tokens.double(), logprobs.double()], dim=1).tolist()
    return [(int(token), logprob) for token, logprob in both]


def note_likelihoods(logits: Tensor, rows: Sequence[Row], tokens: Sequence[int]) -> None:
    """Note what the model thinks of each row's drawn token, where its settings ask: [A, V]."""
    places = [place for place, row in enumerate(rows) if row.settings.top_logprobs is not None]
    if not places:
        return
    logprobs = logits[places].float().log_softmax(dim=-1)
    drawn = torch.tensor([tokens[place] for place in places], device=logits.device)
    most = max(rows[place].settings.top_logprobs or 0 for place in places)
    values, ids = (found.tolist() for found in logprobs.topk(most, dim=-1))
    for n, own in enumerate(logprobs.gather(1, drawn[:, None])[:, 0].tolist()):
        row = rows[places[n]]
        wanted = row.settings.top_logprobs or 0
        top = tuple(zip(ids[n][:wanted], values[n][:wanted], strict=True))
        row.completion.likelihoods.append(Likelihood(own, top))


def _nucleus(tokens: Tensor, whole: Odds, drawn_with: Tensor, rows: Sequence[Row]) -> Tensor:
    """Tokens [A], those of rows with a top-p drawn from what it leaves."""
    narrow = [
        place
        for place, row in enumerate(rows)
        if row.settings.top_p < 1 and row.settings.temperature
    ]
    if narrow:
        top_p = torch.tensor([rows[place].settings.top_p for place in narrow])
        kept = filter_top_p(whole.rows(narrow), top_p.to(tokens.device))
        tokens[narrow] = odds(kept).draw(drawn_with[narrow])
    return tokens
