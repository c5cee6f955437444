"""Our sampler: `rollout.local.sample`, with a LoRA adapter on or off."""

from itertools import count, islice
from pathlib import Path

from benchmarks.speed.pace import Pace, read_request
from benchmarks.speed.workers.ours import backbone_of, scratch, shake, shorter
from rather.config.optimization import Adapter
from rather.models.roles import Policy
from rather.models.tuning import start_tuning
from rather.rollout.local import Request, Settings, sample


def main() -> None:
    """Answer the request's prompts, with new seeds each time."""
    request, pace = read_request(), Pace()
    work = request["workload"]
    with scratch() as folder:
        model = shorter(Path(request["model"]), work["context"], Path(folder))
        backbone = backbone_of(request | {"model": str(model)})
    tuned = start_tuning(Policy(backbone), "policy", Adapter(), seed=0)
    shake(tuned.parameters)
    adapter = tuned.adapter if request["settings"]["adapter"] else None
    never = backbone.model.config.vocab_size  # no token: completions end where the context does
    settings = Settings(1.0, work["max_new_tokens"], stop_ids=(never,))
    seeds = count()
    while True:
        asked = [
            Request(tuple(ids), tuple(islice(seeds, work["num_samples"])))
            for ids in work["prompts"]
        ]
        pace.begin()
        answers = sample(backbone, adapter, asked, settings)
        pace.end(tokens=sum(len(one.ids) for row in answers for one in row))


if __name__ == "__main__":
    main()
