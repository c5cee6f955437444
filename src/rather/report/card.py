"""A version's model card in the Hub's format, with the numbers of the report.

Its head is what the Hub reads: base model, library, tags, and results as a `model-index`
(https://huggingface.co/docs/hub/model-cards#evaluation-results).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from rather.report.evaluated import JUDGES, PolicyResult, Rate, rates_of
from rather.report.format import MISSING, count, fixed, interval, percent
from rather.report.model import Report
from rather.report.regressions import regressions
from rather.report.verdict import verdict_of

NUMBERS = {
    "kl": ("kl", "KL to the reference, nats an answer"),
    "mean_length": ("mean_length", "Tokens an answer"),
    "eos_rate": ("eos_rate", "Answers that end by themselves"),
    "distinct_2": ("distinct_2", "Different pairs of words"),
    "refusal_rate": ("refusal_rate", "Answers that begin as refusals do"),
    "repetitive_rate": ("repetitive_rate", "Answers that repeat themselves"),
    "base_perplexity": ("perplexity", "Perplexity under the base model"),
}
"""Of a policy: the metric's type on the Hub, and its name."""


@dataclass(frozen=True)
class About:
    """What a card says of a version beside its numbers."""

    name: str
    stage: str
    base_model: str
    """As the Hub names it, or the name of its folder."""
    is_adapter: bool
    """Whether it is a LoRA adapter in PEFT's layout."""
    start: str
    """What it was tuned from."""
    why: str = ""
    """Of a promoted checkpoint: why it is this one."""


def card(about: About, report: Report) -> str:
    """The README.md of a version; the same report gives the same bytes."""
    policy = next((one for one in report.policies if one.name == about.name), None)
    base = next((one for one in report.policies if one.is_baseline), None)
    head = yaml.safe_dump(_head(about, report, policy, base), sort_keys=False, allow_unicode=True)
    parts = [f"---\n{head}---\n# {about.name}", _opening(about)]
    if policy is not None and base is not None:
        parts += ["## Did it get better", verdict_of(report), _win_rates(policy, base)]
        parts += ["## What it cost", _costs(policy, base)]
        parts += [f"- {said}" for said in regressions(policy, base)]
    parts += ["## What it learnt from", *_collected(report)]
    parts += [f"- Stopped by a rule: {one.sentence}" for one in _stops(report, about.name)]
    parts += ["Made by rather; every number is in its report.json."]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(
    about: About, report: Report, policy: PolicyResult | None, base: PolicyResult | None
) -> dict[str, Any]:
    adapter = [f"base_model:adapter:{about.base_model}", "lora"] if about.is_adapter else []
    found: dict[str, Any] = {
        "base_model": about.base_model,
        "library_name": "peft" if about.is_adapter else "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["rlhf", about.stage, *adapter, "rather"],
    }
    if policy is not None and base is not None:
        result = {
            "task": {"type": "text-generation"},
            "dataset": {
                "type": "rather-held-out",
                "name": f"{report.num_heldout_prompts} held-out prompts of {report.title}",
            },
            "metrics": list(_metrics(policy, base)),
        }
        found["model-index"] = [{"name": about.name, "results": [result]}]
    return found


def _metrics(policy: PolicyResult, base: PolicyResult) -> Iterator[dict[str, Any]]:
    for rates, kind, said in (
        (rates_of(policy), "win_rate", ""),
        (policy.length_controlled, "length_controlled_win_rate", " at equal length"),
    ):
        for judge, rate in rates.items():
            name = f"Win rate against {base.name}{said}, {JUDGES[judge]}"
            yield {"type": kind, "name": name, "value": rate.value, "args": _args(rate)}
    for judge, value in policy.means.items():
        yield {"type": "score", "name": f"Mean {JUDGES[judge]}", "value": value}
    for attribute, (kind, name) in NUMBERS.items():
        if (number := getattr(policy, attribute)) is not None:
            yield {"type": kind, "name": name, "value": number}


def _args(rate: Rate) -> Mapping[str, float]:
    return {"low": rate.low, "high": rate.high, "n": rate.n}


def _opening(about: About) -> str:
    what = "A LoRA adapter" if about.is_adapter else "A model"
    said = f"{what} tuned by {about.stage.upper()} from {about.start} on {about.base_model}."
    return f"{said} It is {about.why}" if about.why else said


def _win_rates(policy: PolicyResult, base: PolicyResult) -> str:
    if not policy.win_rates:
        return ""
    rows = [
        f"| {JUDGES[judge]} | {percent(rate.value)} ({interval(rate)}) | "
        f"{_controlled(policy.length_controlled.get(judge))} | {rate.n} |"
        for judge, rate in rates_of(policy).items()
    ]
    head = f"| judge | win rate against {base.name} (95 %) | at equal length (95 %) | pairs |"
    return "\n".join([head, "|---|---|---|---|", *rows])


def _controlled(rate: Rate | None) -> str:
    return MISSING if rate is None else f"{percent(rate.value)} ({interval(rate)})"


def _costs(policy: PolicyResult, base: PolicyResult) -> str:
    rows = [
        f"| {name} | {fixed(getattr(policy, one))} | {fixed(getattr(base, one))} |"
        for one, (_, name) in NUMBERS.items()
        if getattr(policy, one) is not None
    ]
    return "\n".join([f"| measure | {policy.name} | {base.name} |", "|---|---|---|", *rows])


def _collected(report: Report) -> list[str]:
    said = []
    people = [one for one in report.collected if not one.is_simulated]
    simulated = [one for one in report.collected if one.is_simulated]
    for group, who in ((people, "labellers"), (simulated, "simulated labellers (programs)")):
        number = sum(sum(one.counts.values()) for one in group)
        if group:
            said.append(f"- {count(number)} judgments by {len(group)} {who}.")
    if people:
        said.append("- What it prefers are the preferences of these labellers.")
    for one in report.agreement:
        if one.raw is not None:
            share = f"{percent(one.raw.value)} ({interval(one.raw)})"
            said.append(f"- Two people say the same about {share} of the {one.kind}s.")
    if report.guidelines:
        quoted = report.guidelines.strip().replace("\n", "\n> ")
        said.append(f"They were told:\n\n> {quoted}")
    return said


def _stops(report: Report, name: str) -> list[Any]:
    return [one for one in report.alarms if one.is_stop and one.run == name]
