"""The reward model: a trunk and a scalar head learnt from comparisons."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rather.config.stages import Reward
from rather.data.batch import Batch, Row, microbatches
from rather.data.judged import Judged, Opinion
from rather.equations import preferences
from rather.models.heads import ScalarHead
from rather.models.roles import RewardModel
from rather.models.tuning import Tuned
from rather.training import checkpoints
from rather.training.accumulation import Group, accumulating
from rather.training.fitted_head import fit_head
from rather.training.learner import Learner, Metrics
from rather.training.loop import Run, slices, train


def train_reward(
    section: Reward,
    tuned: Tuned,
    judged: Sequence[Judged],
    reference_rows: Sequence[Row],
    run: Run,
    seed: int,
) -> RewardModel:
    """Train on judged rows, then centre: the reference's completions score 0 on average."""
    group, device = Group(run.ranks, tuned.shards), tuned.backbone.device
    head = ScalarHead(tuned.backbone.hidden_size, seed).to(device)
    model = RewardModel(tuned.backbone, tuned.adapter, head, section.pooling, tuned.depth)
    if section.head == "fitted" and not run.ranks.first(lambda: checkpoints.begun(run.directory)):
        with group.whole(), run.ranks.together():
            if run.ranks.is_first:  # the others get it with the first one's weights, in `train`
                fit_head(model, judged, section.microbatch_tokens, run.progress)
    pair_losses = choose_pair_losses(section, judged)
    updates = slices(len(judged), section, seed)
    weights = {**tuned.parameters, "head.weight": head.weight}
    learner = Learner(weights, section, len(updates), group=group)

    def step(number: int) -> Metrics:
        chosen = [judged[index] for index in updates[number]]
        num_opinions = sum(len(one.opinions) for one in chosen)
        with accumulating(group) as update:
            mine = update.share(chosen, lambda one: one.row.num_tokens)
            rows = [one.row for one in mine]
            for indices, batch in update.microbatches(rows, section.microbatch_tokens, device):
                parts = split_by_row(model.scores(batch), batch)
                here = [mine[index] for index in indices]
                loss = sum_of_losses(section, pair_losses, parts, here) / num_opinions
                right, pairs = pair_accuracy(parts, here)
                update.add(loss, {"loss": loss, "right": right, "pairs": pairs})
        won, counted = update.total.pop("right"), update.total.pop("pairs")
        accuracy = {"accuracy": won / counted} if counted else {}
        num_tokens = float(sum(len(c) for one in chosen for c in one.row.completions))
        return {**update.total, **accuracy, "num_tokens": num_tokens, **learner.update()}

    train(learner, run, len(updates), step)
    center(model, reference_rows, section.microbatch_tokens, run)
    return model


class PairLosses(NamedTuple):
    """How a model of comparisons reads a win and a tie."""

    win: Callable[[Tensor, Tensor], Tensor]
    tie: Callable[[Tensor, Tensor], Tensor] | None


PAIR_LOSSES = {
    "drop": PairLosses(preferences.bradley_terry, None),
    "davidson": PairLosses(preferences.davidson_win, preferences.davidson_tie),
    "rao_kupper": PairLosses(preferences.rao_kupper_win, preferences.rao_kupper_tie),
}


def choose_pair_losses(section: Reward, judged: Sequence[Judged]) -> PairLosses:
    """The model of ties where the data has tied pairs, plain Bradley–Terry where it has none."""
    has_ties = any(opinion.is_tied_pair for one in judged for opinion in one.opinions)
    return PAIR_LOSSES[section.ties if has_ties else "drop"]


def split_by_row(scores: Tensor, batch: Batch) -> list[Tensor]:
    """Scores [B] as one tensor a row."""
    return list(scores.split(torch.bincount(batch.row_of).tolist()))


def sum_of_losses(
    section: Reward, pair_losses: PairLosses, scores: Sequence[Tensor], judged: Sequence[Judged]
) -> Tensor:
    """Σ of every opinion's loss; scores: one tensor [n] a row -> scalar."""
    return torch.stack(
        [
            _loss(section, pair_losses, row_scores[list(opinion.places)], opinion)
            for row_scores, one in zip(scores, judged, strict=True)
            for opinion in one.opinions
        ]
    ).sum()


def _loss(section: Reward, pair_losses: PairLosses, scores: Tensor, opinion: Opinion) -> Tensor:
    """A pair by Bradley–Terry or the tie model, a longer ranking by Plackett–Luce."""
    if len(opinion.ranks) > 2:
        ranks = torch.tensor(opinion.ranks, device=scores.device)
        return preferences.plackett_luce(scores, ranks)
    if opinion.is_tied_pair:
        assert pair_losses.tie is not None, "tied pairs are left out beforehand when ties: drop"
        return pair_losses.tie(scores[0], scores[1])
    chosen, rejected = scores if opinion.ranks[0] < opinion.ranks[1] else scores.flip(0)
    margin = (opinion.strength - 1) / 2 if section.margin else 0.0
    return preferences.preferred(
        pair_losses.win, chosen, rejected, margin=margin, label_smoothing=section.label_smoothing
    )


def pair_accuracy(scores: Sequence[Tensor], judged: Sequence[Judged]) -> tuple[float, int]:
    """Pairs the scores order as people did (an equal score counts half), and how many there are."""
    won, counted = 0.0, 0
    for row_scores, one in zip(scores, judged, strict=True):
        values = row_scores.tolist()
        for better, worse in one.pairs:
            won += (
                1.0 if values[better] > values[worse] else 0.5 * (values[better] == values[worse])
            )
            counted += 1
    return won, counted


@torch.no_grad()
def center(model: RewardModel, rows: Sequence[Row], microbatch_tokens: int, run: Run) -> None:
    """Store the bias that makes these rows' completions score 0 on average.

    Stiennon et al. 2020, §3.4: a fixed KL coefficient and penalty then keep their meaning.
    """
    device, ranks = model.backbone.device, run.ranks
    mine = ranks.share(rows, lambda row: row.num_tokens)
    with ranks.together(), run.progress.track("mean score", len(mine), "rows") as task:
        parted = microbatches(mine, microbatch_tokens, device, task.advance)
        found = [model.scores(batch) for _, batch in parted]
    parts = ranks.exchange_tensors({"scores": torch.cat(found) if found else torch.zeros(0)})
    model.head.bias += torch.cat([part["scores"] for part in parts]).mean().to(device)
