"""`status` in words: what a workspace holds, and the first step of the loop not done yet."""

from typing import Any


def sentence(facts: dict[str, Any]) -> str:
    """How much there is of everything."""
    people = sum(one["people"] for one in facts["judgments"].values())
    simulated = sum(one["simulated"] for one in facts["judgments"].values())
    return (
        f"{sum(facts['prompts'].values())} prompts, {sum(facts['completions'].values())} "
        f"completions, {people} judgments by people and {simulated} simulated, "
        f"{len(facts['versions'])} model versions."
    )


def next_command(facts: dict[str, Any]) -> str:
    """The first step of the loop that has not been done."""
    stages = {name.rsplit("-", 1)[0] for name in facts["versions"]}
    unfinished = [run["stage"] for run in facts["runs"] if run["status"] == "running"]
    judged = any(sum(one.values()) for one in facts["judgments"].values())
    if unfinished:
        return f"rather {unfinished[-1]} (goes on where it stopped)"
    if not any(facts["prompts"].values()):
        return "rather import FILE"
    if not facts["completions"] and not judged:
        return "rather sample"
    if not judged:
        return "rather label"
    if "reward" not in stages:
        return "rather reward"
    if not stages & {"ppo", "dpo"}:
        return "rather ppo"
    return "rather evaluate" if not _evaluated(facts) else "rather report"


def _evaluated(facts: dict[str, Any]) -> bool:
    return any(run["stage"] == "evaluate" and run["status"] == "done" for run in facts["runs"])
