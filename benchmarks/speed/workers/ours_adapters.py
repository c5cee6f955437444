"""Many adapters on one backbone: each reward model scores, or the newest policy answers."""

from typing import Any

import torch

from benchmarks.speed.pace import Pace, read_request
from benchmarks.speed.workers.ours import backbone_of, shake
from rather.config.optimization import Adapter
from rather.data.batch import Row
from rather.models.backbone import Backbone
from rather.models.heads import ScalarHead
from rather.models.roles import Policy, RewardModel
from rather.models.tuning import start_tuning
from rather.rollout.local import Request, Settings, sample
from rather.rollout.rollout import score_rows

MICROBATCH_TOKENS = 2048
ANSWERED = 16
"""Tokens an answer."""


def loaded(backbone: Backbone, count: int) -> list[str]:
    """That many frozen adapters, all of them different from nothing."""
    names = []
    for number in range(count):
        tuned = start_tuning(Policy(backbone), f"adapter-{number}", Adapter(), seed=number)
        shake(tuned.parameters)
        for parameter in tuned.parameters.values():
            parameter.requires_grad_(False)
        names.append(f"adapter-{number}")
    return names


def score(backbone: Backbone, names: list[str], work: dict[str, Any]) -> None:
    """Every reward model scores the prompts, each as the completion of its own first token."""
    rows = [Row(tuple(ids[:1]), (tuple(ids[1:]),)) for ids in work["prompts"]]
    for number, name in enumerate(names):
        head = ScalarHead(backbone.hidden_size, number).to(backbone.device).requires_grad_(False)
        score_rows(RewardModel(backbone, name, head, "last"), rows, MICROBATCH_TOKENS)


def answer(backbone: Backbone, names: list[str], work: dict[str, Any]) -> None:
    """The newest adapter answers the prompts."""
    requests = [Request(tuple(ids), (place,)) for place, ids in enumerate(work["prompts"])]
    never = backbone.model.config.vocab_size
    sample(backbone, names[-1], requests, Settings(1.0, ANSWERED, stop_ids=(never,)))


def main() -> None:
    """Load the adapters, then use them once a step."""
    request, pace = read_request(), Pace()
    settings = request["settings"]
    backbone = backbone_of(request)
    names = loaded(backbone, settings["num_adapters"])
    use = score if settings["kind"] == "reward" else answer
    while True:
        pace.begin()
        with torch.inference_mode():
            use(backbone, names, request["workload"])
        pace.end()


if __name__ == "__main__":
    main()
