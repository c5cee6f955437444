"""Reward models against judgments they have not seen: how often they agree, where, how surely."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rather.data.judged import Judged
from rather.data.tokens import Codec
from rather.errors import DataError
from rather.evaluation.reward_model import (
    Case,
    Scores,
    agreement_levels,
    cases_of,
    length_gaps,
    mean_scores,
    widest_disagreements,
)
from rather.feedback.agreement.labels import is_label, label_of, table
from rather.feedback.agreement.shares import ceiling
from rather.feedback.items import item_of
from rather.feedback.kinds import answer_of
from rather.models.library import Library
from rather.models.roles import RewardModel
from rather.records import Comparison, Kind
from rather.rollout.tables import MEASURED_TOGETHER, score_rows
from rather.stages import examples
from rather.stages.measuring import benchmark
from rather.stages.measuring.kept import REWARDS_FILE, keep
from rather.stages.measuring.reward_numbers import numbers, shares_json
from rather.stages.runs import open_library, reward_name
from rather.store import judgments, labellers
from rather.workspace import Workspace

NUM_DISAGREEMENTS = 6
"""Pairs kept that it orders the other way than somebody."""
WITH_CEILING: tuple[Kind, ...] = ("pair", "ranking")
NO_JUDGMENTS = (
    "There are no comparisons on held-out prompts to measure a reward model on; give some with "
    "`rather label`, or name a file with evaluate.benchmark."
)
Result = dict[str, Any]


def evaluate_rewards(ws: Workspace, names: Sequence[str]) -> Result:
    """Measure reward models on held-out judgments, or on the rows of `evaluate.benchmark`.

    A name may be several versions joined by commas, which are then an ensemble. The result is
    stored and returned.
    """
    library, file = open_library(ws), ws.config.evaluate.benchmark
    resolved = [",".join(reward_name(ws, one) for one in name.split(",")) for name in names]
    versions = list(dict.fromkeys(one for name in resolved for one in name.split(",")))
    codecs = [library.codec(one) for one in versions]
    made = [resolved, [library.versions[one].run_id for one in versions]]
    if file is not None:
        rows = benchmark.read(ws.root / file).fitting(codecs)
        rows.left_out.tell(ws.progress.say)
        models = {
            name: benchmark.measured(rows, *read_by(ws, library, name, rows.encoded))
            for name in resolved
        }
        result = {"source": file, "left_out": rows.left_out.counts, "reward_models": models}
        return keep(ws, REWARDS_FILE, [made, rows.digest], result)
    found, left_out = examples.load_comparisons(ws, "heldout")
    for codec in codecs:
        found = examples.fitting(found, codec, left_out)
    if not found:
        raise DataError(NO_JUDGMENTS)
    left_out.tell(ws.progress.say)
    about = _About(ws, found)
    result = {
        "source": "held-out judgments",
        "left_out": left_out.counts,
        "ceiling": ceilings(ws),
        "reward_models": {
            name: _on_judgments(ws, library, name, found, about) for name in resolved
        },
    }
    return keep(ws, REWARDS_FILE, [made, examples.identity(found)], result)


def evaluate_where_judged(ws: Workspace, name: str) -> Result | None:
    """The same of one model on held-out judgments, None where there is none to measure it on."""
    found, _ = examples.load_comparisons(ws, "heldout")
    return evaluate_rewards(ws, [name]) if found else None


def read_by(
    ws: Workspace,
    library: Library,
    name: str,
    encode: Callable[[Codec], list[Judged]],
) -> tuple[list[Judged], list[Scores]]:
    """Rows as a model's tokenizer reads them, and a column of scores for each of its members."""
    judged: list[list[Judged]] = []
    columns: list[Scores] = []
    for version, model in _members(library, name):
        judged.append(encode(library.codec(version)))
        rows = [one.row for one in judged[-1]]
        with ws.progress.track(f"scores by {version}", len(rows), "rows") as task:
            columns.append(score_rows(model, rows, MEASURED_TOGETHER, task.advance))
    return judged[0], columns


def ceilings(ws: Workspace) -> dict[str, Result]:
    """How often people agree with each other, of each kind of judgment that has two sides."""
    live = [one for one in judgments.live(ws.db) if is_label(one)]
    found: dict[str, Result] = {}
    for kind in WITH_CEILING:
        said = [
            (item_of(one), one.labeller_id, label)
            for one in live
            if one.kind == kind and (label := label_of(answer_of(one))) is not None
        ]
        if said:
            found[kind] = asdict(ceiling(table(said), kind))
    return found


def sentence(result: Result) -> str:
    """The result in a line: each model's accuracy, beside the longer answer's and the ceiling."""
    said = []
    for name, one in result["reward_models"].items():
        rate = one["accuracy"]
        if rate["n"] == 0:
            said.append(f"nothing was decided that {name} could be right about")
            continue
        interval = f"{rate['value']:.0%} [{rate['low']:.0%}, {rate['high']:.0%}]"
        said.append(
            f"{name} is right about {interval} of {rate['n']} rows (the longest answer in "
            f"{one['longer_wins']:.0%}, chance in {one['chance']:.0%})"
            if "chance" in one
            else f"{name} orders {interval} of {rate['n']} pairs rightly (the longer one is better "
            f"in {one['longer_wins']:.0%})"
        )
    said += [
        f"people agree with each other on {one['value']:.0%} of {one['n']} {kind}s"
        for kind, one in result.get("ceiling", {}).items()
        if one["value"] is not None
    ]
    return f"On {result['source']}: {'; '.join(said)}."


class _About:
    """Who gave a judgment, and how its prompt is tagged."""

    def __init__(self, ws: Workspace, found: Sequence[Comparison]) -> None:
        names = {one.id: one.name for one in labellers.all(ws.db)}
        given = {one.id: names[one.labeller_id] for one in judgments.live(ws.db)}
        self._labellers: Mapping[str, str] = {
            one.judgment_id: given[one.judgment_id] for one in found
        }
        self._prompts = {one.judgment_id: one.prompt for one in found}

    def labeller(self, case: Case) -> Iterable[str]:
        return (self._labellers[case.judgment_id],)

    def tags(self, case: Case) -> Iterable[str]:
        return self._prompts[case.judgment_id].tags or ("no tag",)

    def prompt_id(self, case: Case) -> str:
        return self._prompts[case.judgment_id].id


def _on_judgments(
    ws: Workspace, library: Library, name: str, found: Sequence[Comparison], about: _About
) -> Result:
    judged, columns = read_by(ws, library, name, lambda codec: examples.judged_rows(found, codec))
    cases = cases_of(judged, mean_scores(columns))
    return {
        **numbers(judged, columns),
        "by_agreement": shares_json(cases, agreement_levels(cases)),
        "by_length_gap": shares_json(cases, length_gaps),
        "by_strength": shares_json(cases, lambda case: (f"strength {case.strength}",)),
        "by_tag": shares_json(cases, about.tags),
        "by_labeller": shares_json(cases, about.labeller),
        "disagreements": [
            _disagreement(case, judged, library.codec(name.split(",")[0]), about)
            for case in widest_disagreements(cases, NUM_DISAGREEMENTS)
        ],
    }


def _disagreement(case: Case, judged: Sequence[Judged], codec: Codec, about: "_About") -> Result:
    better, worse = (codec.text(judged[case.pair[0]].row.completions[p]) for p in case.places)
    return {
        "prompt_id": about.prompt_id(case),
        "judgment_id": case.judgment_id,
        "margin": case.margin,
        "better": better,
        "worse": worse,
    }


def _members(library: Library, name: str) -> list[tuple[str, RewardModel]]:
    """The reward models behind a name, each with its version."""
    return [(one, member) for one in name.split(",") for member in library.reward_members(one)]
