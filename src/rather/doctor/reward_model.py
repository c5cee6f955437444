"""The newest reward model: its head is saved and trained, and it reads where it should."""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from rather.data.batch import Row, pack
from rather.data.tokens import Codec
from rather.doctor.finding import Check, Finding, ok
from rather.doctor.patient import NotYet, Patient
from rather.doctor.roles import TOKENS_TOGETHER, rounding_only
from rather.doctor.shown import visible
from rather.models.heads import ScalarHead
from rather.models.roles import RewardModel
from rather.records import ModelVersion
from rather.rollout.tables import score_rows
from rather.training.ensemble import member_seed

Pooling = Literal["last", "mean"]
NEAR = 1e-2
"""A rounding or two of bfloat16, as a share of the largest number: what may lie between two passes
over the same token. States of two places are further apart, if not by much."""


def head(patient: Patient) -> Finding:
    """The same scores after loading again, from a head that is not the one it began with."""
    version = patient.newest("reward")
    rows, model = patient.probes, patient.library.reward_model(version.name)
    first = scores(model, rows)
    if model.adapter is not None:
        model.backbone.remove_adapter(model.adapter)  # so that its files are read again
    again = scores(patient.library.reward_model(version.name), rows)
    began = ScalarHead(model.backbone.hidden_size, _seed_of(version))
    if torch.equal(model.head.weight.cpu(), began.weight):
        return Finding(
            "problem",
            f"{version.name}: the saved head is the random one that training begins with",
            "its scores say nothing",
            "train the reward model again with `rather reward --fresh`",
        )
    shown = ", ".join(f"{score:.2f}" for score in first.tolist())
    if torch.equal(first, again) and bool(first.isfinite().all()):
        return ok(f"{version.name}: {len(rows)} scores are the same after loading again: {shown}")
    return Finding(
        "problem",
        f"{version.name}: scores differ after loading again: {shown}; then "
        + ", ".join(f"{score:.2f}" for score in again.tolist()),
        "what PPO is rewarded by is not what was trained",
        "train the reward model again with `rather reward --fresh`",
    )


def _seed_of(version: ModelVersion) -> int:
    """The seed its head began with; of an ensemble, the first member's."""
    seed = int(version.provenance.get("seed", 0))
    return seed if version.provenance.get("ensemble", 1) == 1 else member_seed(seed, 1)


def packing(patient: Patient) -> Finding:
    """Scores of completions alone, and packed with others."""
    version = patient.newest("reward")
    rows, model = patient.probes, patient.library.reward_model(version.name)
    if len(rows) < 2:
        raise NotYet("there is only one completion; `rather sample` makes more")
    alone = torch.cat([scores(model, [row]) for row in rows])
    gaps = (scores(model, rows) - alone).abs()
    found = (
        f"{len(rows)} completions: scores of {version.name} alone and packed with others differ "
        f"by {gaps.max().item():.1g} at most"
    )
    return rounding_only(
        gaps,
        model.backbone,
        found,
        "a completion's score would depend on what it is computed beside",
    )


def reading(patient: Patient) -> Finding:
    """A completion with the place marked where the network itself reads the score."""
    model, codec = _some_model(patient)
    whole = [one for one in patient.encoded if not one.answer.is_cut_off]
    shortest = min(whole or patient.encoded, key=lambda one: one.row.num_tokens).answer
    row = codec.row(shortest.prompt, ((shortest.text, shortest.is_cut_off),))
    first, end = len(row.prompt_ids), row.num_tokens
    expected: dict[Pooling, range] = {"last": range(end - 1, end), "mean": range(first, end)}
    found = {pooling: places_read(replace(model, pooling=pooling), row) for pooling in expected}
    shown = tuple(
        f"{name}{' (in force)' if name == model.pooling else ''}: {marked(codec, row, span)}"
        for name, span in found.items()
        if span is not None
    )
    if found != expected:
        return Finding(
            "problem",
            f"pooling: {model.pooling} reads somewhere else than at the completion's end or over "
            "all of it",
            "scores do not belong to the completions they are given to",
            "please report it with the model's name; until then use another model",
            shown,
        )
    where = "at the completion's last token" if model.pooling == "last" else "over its mean"
    cut = len(patient.encoded) - len(whole)
    note = f"; {cut} of {len(patient.encoded)} completions were cut off: no stop token is read"
    return ok(f"pooling: {model.pooling} reads the score {where}{note if cut else ''}", shown)


def _some_model(patient: Patient) -> tuple[RewardModel, Codec]:
    """The newest reward model, else one with a random head as `rather reward` would begin it."""
    made = [version for version in patient.versions if version.stage == "reward"]
    if made:
        name = made[-1].name
        return patient.library.reward_model(name), patient.library.codec(name)
    policy = patient.policy
    head = ScalarHead(policy.backbone.hidden_size).to(policy.backbone.device)
    section = patient.ws.config.reward
    depth = policy.backbone.depth_of(section.depth)
    model = RewardModel(policy.backbone, policy.adapter, head, section.pooling, depth)
    return model, patient.codec


@torch.no_grad()
def places_read(model: RewardModel, row: Row) -> range | None:
    """Which of a row's tokens [S] the head is given: one, or the mean of several; None: neither."""
    batch = pack([row]).to(model.backbone.device)
    hidden, read = model.hidden(batch), model.pooled(batch)[0].float()
    end = row.num_tokens
    spans = [range(end - 1, end), range(len(row.prompt_ids), end)]
    spans += [range(place, place + 1) for place in range(end)]
    means = torch.stack([hidden[span.start : span.stop].float().mean(dim=0) for span in spans])
    gaps = (means - read).abs().amax(dim=1) / read.abs().max()
    return spans[int(gaps.argmin())] if gaps.min() <= NEAR else None


def marked(codec: Codec, row: Row, span: range) -> str:
    """The end of a row's text, with the tokens of a span between ⟦ and ⟧."""
    ids = [*row.prompt_ids, *row.completions[0]]
    before, inside, after = (
        visible(str(codec.tokenizer.decode(part)))
        for part in (ids[: span.start], ids[span.start : span.stop], ids[span.stop :])
    )
    return f"…{before[-40:]}⟦{inside}⟧{after}"


def scores(model: RewardModel, rows: list[Row]) -> Tensor:
    """Score of every row's completion: [B]."""
    return torch.tensor([one for row in score_rows(model, rows, TOKENS_TOGETHER) for one in row])


CHECKS = (
    Check("reward model", "head", "Are the scores the same after loading again?", head),
    Check("reward model", "scores packed", "Do scores depend on what is beside?", packing),
    Check("reward model", "where it reads", "Where is a completion's score read?", reading),
)
