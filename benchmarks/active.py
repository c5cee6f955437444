"""How many labels a reward model needs: questions chosen by doubt against questions by chance.

    python benchmarks/active.py              # results/active.json and docs/images/active.svg
    python benchmarks/active.py --quick      # its numbers mean nothing

The embedded model answers each of the packaged questions several times; the gold is VADER's
sentiment, and a simulated labeller with noise answers what it is asked. All arms begin with the
same questions by chance. Then every batch is chosen as `rather choose` does it (the same functions
and default weights) or by chance, and the reward model is fitted again. Accuracy is measured on all
decided pairs of other prompts, by the gold without noise. The reward model is the fitted head alone
(`training/fitted_head.py`) on a frozen trunk, so that many seeds take minutes.
"""

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from torch import Tensor

from active_page import publish
from rather.api import Project
from rather.config.stages import Choosing, Config, Sampling
from rather.data.batch import microbatches
from rather.equations import acquisition
from rather.feedback import gold
from rather.feedback.simulated import SimulatedLabeller
from rather.models.heads import ScalarHead
from rather.models.roles import RewardModel
from rather.records import Completion, Prompt
from rather.stages.runs import open_library, software
from rather.store import completions, prompts
from rather.training.fitted_head import fitted_weight

ASKED = "A friend asks: {} Do you feel happy or sad about it? Answer with I feel."
"""Around each packaged question, so that answers differ in sentiment (benchmarks/frontier.py)."""
NOISE_TEMPERATURE = 0.1
TIE_MARGIN = 0.05
"""Gold differences up to this are ties: they cost a label and teach nothing, as with people."""
NUM_MEMBERS = 4
CHOOSING = Choosing()
ARMS: dict[str, Choosing | None] = {
    "chance": None,
    "chosen": CHOOSING,
    "disagreement alone": CHOOSING.model_copy(update={"closeness": 0.0, "coverage": 0.0}),
    "coverage alone": CHOOSING.model_copy(update={"closeness": 0.0, "disagreement": 0.0}),
}


@dataclass(frozen=True)
class Size:
    """How much is done."""

    num_prompts: int
    num_completions: int
    batch: int
    """Labels given between two reward models, and before the first."""
    num_labels: int
    num_seeds: int


FULL = Size(240, 4, 20, 240, 40)
QUICK = Size(24, 3, 6, 18, 2)


@dataclass(frozen=True)
class Pair:
    """A question: two answers to one prompt, by their places in the pool."""

    prompt: int
    first: int
    second: int


@dataclass(frozen=True)
class Pool:
    """Everything that can be asked, with what the reward model reads of it."""

    prompts: list[Prompt]
    answers: list[Completion]
    states: Tensor
    """[N, d] what a head reads of each answer."""
    golds: list[float]
    pairs: list[Pair]


def main() -> None:
    """Sample once (or go on with what is there), then run every arm and seed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--workspace", type=Path, default=Path("build/active"))
    given = parser.parse_args()
    size = QUICK if given.quick else FULL
    pool = pool_of(given.workspace / ("quick" if given.quick else "full"), size)
    curves = {
        arm: [run(pool, size, seed, section) for seed in range(size.num_seeds)]
        for arm, section in ARMS.items()
    }
    result = summary(size, pool, curves)
    if given.quick:
        print(json.dumps(result["arms"], indent=1))
    else:
        publish(result)


def pool_of(root: Path, size: Size) -> Pool:
    """The model's answers to the packaged questions, sampled where they are not there yet."""
    section = Sampling(num_completions=size.num_completions, temperatures=(0.7,), max_new_tokens=24)
    config = Config(system_prompt="Answer in one short sentence.", sample=section)
    is_new = not (root / "workspace.json").exists()
    with Project.create(root, config) if is_new else Project.open(root, {}) as project:
        rows = files("rather.data").joinpath("prompts/everyday.jsonl").read_text("utf-8")
        texts = [json.loads(row)["prompt"] for row in rows.splitlines()][: size.num_prompts]
        asked = root / "asked.jsonl"
        asked.write_text(
            "".join(json.dumps({"prompt": ASKED.format(text)}) + "\n" for text in texts), "utf-8"
        )
        project.import_file(asked, "prompts")
        project.sample()
        found = prompts.all(project.workspace.db)
        by_prompt: dict[str, list[Completion]] = {}
        for one in completions.all(project.workspace.db):
            by_prompt.setdefault(one.prompt_id, []).append(one)
        return read(
            project, [one for one in found if len(by_prompt.get(one.id, ())) > 1], by_prompt
        )


@torch.no_grad()
def read(project: Project, asked: list[Prompt], by_prompt: dict[str, list[Completion]]) -> Pool:
    """What the default reward model's head reads of every answer, and the gold's opinion."""
    library, section = open_library(project.workspace), project.config.reward
    codec, policy = library.codec("base"), library.policy("base")
    depth = policy.backbone.depth_of(section.depth)
    head = ScalarHead(policy.backbone.hidden_size)
    model = RewardModel(policy.backbone, None, head, section.pooling, depth)
    rows = [
        codec.row(one, tuple((a.text, a.finish_reason == "length") for a in by_prompt[one.id]))
        for one in asked
    ]
    parts: dict[int, Tensor] = {}
    for indices, batch in microbatches(rows, 2048, policy.backbone.device):
        split = model.pooled(batch).float().split(torch.bincount(batch.row_of).tolist())
        parts.update(zip(indices, split, strict=True))
    answers = [answer for one in asked for answer in by_prompt[one.id]]
    prompt_of = {one.id: one for one in asked}
    golds = [gold.vader(prompt_of[one.prompt_id], one.text) for one in answers]
    place = {one.id: number for number, one in enumerate(answers)}
    pairs = [
        Pair(number, place[a.id], place[b.id])
        for number, one in enumerate(asked)
        for a, b in combinations(by_prompt[one.id], 2)
    ]
    states = torch.cat([parts[number] for number in range(len(rows))])
    return Pool(asked, answers, states, golds, pairs)


def run(pool: Pool, size: Size, seed: int, section: Choosing | None) -> list[float]:
    """Held-out accuracy after each batch of labels; `section` None asks by chance."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(pool.prompts), generator=generator).tolist()
    train = set(order[: len(order) * 2 // 3])
    free = [pair for pair in pool.pairs if pair.prompt in train]
    tests = [pair for pair in pool.pairs if pair.prompt not in train and decided(pool, pair)]
    order = torch.randperm(len(free), generator=generator).tolist()
    free = [free[place] for place in order]  # from here on, the next by chance is the first
    labeller = SimulatedLabeller(gold.resolve("vader"), NOISE_TEMPERATURE, TIE_MARGIN, seed)
    labelled: list[tuple[Pair, int]] = []
    curve: list[float] = []
    members = torch.zeros(0)
    while len(labelled) < size.num_labels:
        places = next_places(pool, free, members, section, labelled, size.batch)
        labelled += [(free[place], answer(pool, labeller, free[place])) for place in places]
        free = [pair for place, pair in enumerate(free) if place not in set(places)]
        members = ensemble(pool, labelled, seed)
        curve.append(accuracy(pool, tests, members))
    return curve


def next_places(
    pool: Pool,
    free: Sequence[Pair],
    members: Tensor,
    section: Choosing | None,
    labelled: Sequence[tuple[Pair, int]],
    number: int,
) -> list[int]:
    """Places of the next questions: the first ones (they lie in a drawn order), or the best."""
    if section is None or not len(members):
        return list(range(number))
    by_chance = round(section.random_fraction * number)
    rest = free[by_chance:]
    scores = members @ pool.states.T
    probabilities = acquisition.win_probabilities(
        scores[:, [pair.first for pair in rest]], scores[:, [pair.second for pair in rest]]
    )
    values = section.disagreement * acquisition.percentile(acquisition.disagreement(probabilities))
    values += section.closeness * acquisition.percentile(acquisition.closeness(probabilities))
    seen: dict[str, int] = {}
    for pair in [*(pair for pair, _ in labelled), *free[:by_chance]]:
        seen[str(pair.prompt)] = seen.get(str(pair.prompt), 0) + 1
    groups = [str(pair.prompt) for pair in rest]
    picked = acquisition.pick(
        values.tolist(), groups, number - by_chance, coverage=section.coverage, seen=seen
    )
    return [*range(by_chance), *(by_chance + place for place in picked)]


def answer(pool: Pool, labeller: SimulatedLabeller, pair: Pair) -> int:
    """1 where the first is said to be better, −1 the second, 0 a tie."""
    first, second = pool.answers[pair.first], pool.answers[pair.second]
    said = labeller.judge_pair(pool.prompts[pair.prompt], first, second).choice
    return {"A": 1, "B": -1}.get(said, 0)


def ensemble(pool: Pool, labelled: Sequence[tuple[Pair, int]], seed: int) -> Tensor:
    """Heads [k, d], each fitted to a bootstrap of the judged prompts."""
    judged = sorted({pair.prompt for pair, _ in labelled})
    heads = []
    for number in range(NUM_MEMBERS):
        generator = torch.Generator().manual_seed(seed * 1000 + number + 1)
        drawn = torch.randint(len(judged), (len(judged),), generator=generator).tolist()
        differences = [
            said * (pool.states[pair.first] - pool.states[pair.second])
            for place in drawn
            for pair, said in labelled
            if pair.prompt == judged[place] and said
        ]
        if differences:
            heads.append(fitted_weight(torch.stack(differences), pool.states))
    return torch.stack(heads) if heads else torch.zeros(0)


def decided(pool: Pool, pair: Pair) -> bool:
    """Whether the gold tells the two apart."""
    return abs(pool.golds[pair.first] - pool.golds[pair.second]) > TIE_MARGIN


def accuracy(pool: Pool, tests: Sequence[Pair], members: Tensor) -> float:
    """Share of the pairs that the mean of the members orders as the gold does."""
    if not len(members):
        return 0.5
    scores = (members.mean(dim=0) @ pool.states.T).tolist()
    right = [
        (scores[pair.first] > scores[pair.second])
        == (pool.golds[pair.first] > pool.golds[pair.second])
        for pair in tests
    ]
    return sum(right) / len(right)


def summary(size: Size, pool: Pool, curves: dict[str, list[list[float]]]) -> dict[str, Any]:
    """The curves' means and errors, and each arm's difference from chance, seed by seed."""
    arms: dict[str, Any] = {}
    for arm, runs in curves.items():
        columns = list(zip(*runs, strict=True))
        apart = [
            [one - other for one, other in zip(*both, strict=True)]
            for both in zip(columns, zip(*curves["chance"], strict=True), strict=True)
        ]
        arms[arm] = {
            "accuracy": [round(mean(column), 4) for column in columns],
            "error": [round(_error(column), 4) for column in columns],
            "above_chance": [round(mean(column), 4) for column in apart],
            "above_chance_error": [round(_error(column), 4) for column in apart],
            "seeds": [[round(one, 4) for one in run] for run in runs],
        }
    return {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.processor() or platform.machine(),
        "software": software(),
        "size": asdict(size),
        "choosing": CHOOSING.model_dump(mode="json"),
        "noise_temperature": NOISE_TEMPERATURE,
        "tie_margin": TIE_MARGIN,
        "num_members": NUM_MEMBERS,
        "num_answers": len(pool.answers),
        "num_pairs": len(pool.pairs),
        "num_decided": sum(decided(pool, pair) for pair in pool.pairs),
        "labels": [size.batch * (n + 1) for n in range(len(curves["chance"][0]))],
        "arms": arms,
    }


def _error(values: Sequence[float]) -> float:
    """Standard error of a mean."""
    return stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0


if __name__ == "__main__":
    main()
