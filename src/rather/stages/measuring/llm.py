"""The judge behind an endpoint: each model's answers against the baseline's, in both orders."""

from collections.abc import Sequence
from typing import Any

from rather.data.identity import digest
from rather.equations.length_control import length_controlled
from rather.evaluation.verdicts import Both, judged, outcome
from rather.records import Prompt
from rather.rollout import llm_judge
from rather.stages.measuring.saved import Saved
from rather.workspace import Workspace

ASKED_TOGETHER = 32
"""Questions asked before their replies are put on disk."""
Question = list[dict[str, str]]


def judge_all(
    ws: Workspace,
    address: str,
    asked: Sequence[Prompt],
    models: dict[str, dict[str, Any]],
    baseline: str,
) -> dict[str, Any]:
    """Put the judge's win rates beside the others' in `models`; returns what is to mind of it.

    A reply that was paid for is kept and not asked for again.
    """
    theirs = models[baseline]
    verdicts: dict[str, list[Both]] = {}
    for name, one in models.items():
        if name == baseline:
            continue
        given = _verdicts(ws, address, asked, one["texts"], theirs["texts"], name)
        verdicts[name] = given
        outcomes = [outcome(both) for both in given]
        known = [place for place, won in enumerate(outcomes) if won is not None]
        controlled = length_controlled(
            [won for won in outcomes if won is not None],
            [float(one["lengths"][place] - theirs["lengths"][place]) for place in known],
        )
        one["win_rates"]["llm"] = judged(given).win_rate._asdict()
        one["length_controlled"]["llm"] = controlled._asdict()
        one["verdicts"] = [list(both) for both in given]
    everything = judged([both for given in verdicts.values() for both in given])
    if everything.num_unreadable:
        ws.progress.say(f"left out {everything.num_unreadable} pairs: the judge gave no mark")
    return {
        "llm_judge": {
            "address": address,
            "first_share": everything.first_share._asdict(),
            "consistency": everything.consistency._asdict(),
            "num_unreadable": everything.num_unreadable,
        }
    }


def _verdicts(
    ws: Workspace,
    address: str,
    asked: Sequence[Prompt],
    ours: Sequence[str],
    theirs: Sequence[str],
    name: str,
) -> list[Both]:
    """Both orders of each pair; the same text twice is a tie that nobody is asked about."""
    guidelines = ws.config.label.guidelines
    questions: dict[str, Question] = {}
    keys: list[tuple[str, str] | None] = []
    for prompt, our, their in zip(asked, ours, theirs, strict=True):
        if our == their:
            keys.append(None)
            continue
        both = [
            llm_judge.question(prompt, our, their, guidelines),
            llm_judge.question(prompt, their, our, guidelines),
        ]
        first, second = (digest(one) for one in both)
        questions |= {first: both[0], second: both[1]}
        keys.append((first, second))
    saved = Saved(ws.runs_dir / "verdicts" / f"{digest(address)[:16]}.json")
    _ask_missing(ws, address, questions, saved, name)
    return [
        ("tie", "tie")
        if key is None
        else (
            llm_judge.read_verdict(saved.get(key[0])),
            llm_judge.read_verdict(saved.get(key[1])),
        )
        for key in keys
    ]


def _ask_missing(
    ws: Workspace, address: str, questions: dict[str, Question], saved: Saved, name: str
) -> None:
    missing = [key for key in questions if saved.get(key) is None]
    with ws.progress.track(f"judgments of {name}", len(missing), "questions") as task:
        for start in range(0, len(missing), ASKED_TOGETHER):
            part = missing[start : start + ASKED_TOGETHER]
            replies = llm_judge.ask(address, [questions[key] for key in part], task.advance)
            saved.keep(dict(zip(part, replies, strict=True)))
