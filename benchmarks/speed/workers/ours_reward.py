"""Our reward model: `train_reward`, one update at a time."""

from benchmarks.speed.pace import Pace, read_request
from benchmarks.speed.workers.ours import MANY, RATE, backbone_of, paced_run, scratch
from rather.config.stages import Reward
from rather.data.batch import Row
from rather.data.judged import Judged, Opinion
from rather.models.roles import Policy
from rather.models.tuning import start_tuning
from rather.training.reward import train_reward


def judged_pairs(pairs: dict[str, list[list[int]]]) -> list[Judged]:
    """A request's pairs as our trainers read them."""
    triples = zip(pairs["prompts"], pairs["chosen"], pairs["rejected"], strict=True)
    opinion = (Opinion((0, 1), (1, 2)),)
    return [
        Judged(Row(tuple(prompt), (tuple(chosen), tuple(rejected))), opinion)
        for prompt, chosen, rejected in triples
    ]


def main() -> None:
    """Train on the request's pairs, all of them in every update where nothing else is set."""
    request, pace = read_request(), Pace()
    judged = judged_pairs(request["workload"])
    section = Reward(
        num_epochs=MANY,
        learning_rate=RATE,
        checkpoint_every=MANY,
        **{"batch_size": len(judged)} | request["settings"],
    )
    backbone = backbone_of(request)
    depth = backbone.depth_of(section.depth)
    tuned = start_tuning(Policy(backbone), "reward", section.adapter, 0, depth)
    with scratch() as folder:
        run = paced_run(pace, folder)
        train_reward(section, tuned, judged, [judged[0].row], run, seed=0)


if __name__ == "__main__":
    main()
