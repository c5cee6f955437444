"""Our DPO: `train_dpo`, one update at a time, its reference live or looked up."""

from benchmarks.speed.pace import Pace, read_request
from benchmarks.speed.workers.ours import MANY, RATE, backbone_of, paced_run, scratch
from benchmarks.speed.workers.ours_reward import judged_pairs
from rather.config.stages import DPO
from rather.data.judged import Judged
from rather.models.roles import Policy
from rather.models.tuning import start_tuning
from rather.training.dpo import train_dpo
from rather.training.loop import slices

SEED = 0


def never_met(judged: list[Judged], section: DPO) -> list[Judged]:
    """The pairs again and again as new rows, so laid out that every update has each of them once.

    The reference's log-probabilities of a row are kept once they are known; of a new row they are
    computed, so every update does what the first epoch of a real training does.
    """
    many = [judged[0]] * (len(judged) * MANY)
    for update in slices(len(many), section, SEED):
        for place, one in zip(update, judged, strict=True):
            many[place] = one
    return many


def main() -> None:
    """Train on the request's pairs, all of them in every update."""
    request, pace = read_request(), Pace()
    settings = dict(request["settings"])
    is_live = settings.pop("reference") == "live"
    judged = judged_pairs(request["workload"])
    section = DPO(
        batch_size=len(judged),
        num_epochs=1 if is_live else MANY,
        learning_rate=RATE,
        checkpoint_every=MANY,
        **settings,
    )
    backbone = backbone_of(request)
    tuned = start_tuning(Policy(backbone), "dpo", section.adapter, SEED)
    rows = never_met(judged, section) if is_live else judged
    with scratch() as folder:
        run = paced_run(pace, folder)
        train_dpo(section, tuned, Policy(backbone), rows, run, SEED)


if __name__ == "__main__":
    main()
