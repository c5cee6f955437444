"""`status` in words: what a workspace holds, and the first step of the loop not done yet."""

from typing import Any

from rather.stages.reported import use


def sentence(facts: dict[str, Any]) -> str:
    """How much there is of everything."""
    people = sum(one["people"] for one in facts["judgments"].values())
    simulated = sum(one["simulated"] for one in facts["judgments"].values())
    said = (
        f"{sum(facts['prompts'].values())} prompts, {sum(facts['completions'].values())} "
        f"completions, {people} judgments by people and {simulated} simulated, "
        f"{len(facts['versions'])} model versions."
    )
    said += f" {described(facts['round'])}" if facts["round"] else ""
    return said + (f" {use.sentence(facts['use'])}" if facts["use"] else "")


def next_command(facts: dict[str, Any]) -> str:
    """The first step of the loop that has not been done."""
    turn = facts["round"]
    if turn and turn["status"] == "running":
        again = f"rather run --rounds {turn['number']}"
        return "rather label" if turn["waits_for"] else f"{again} (goes on where it stopped)"
    stages = {name.rsplit("-", 1)[0] for name in facts["versions"]}
    unfinished = [run["stage"] for run in facts["runs"] if run["status"] == "running"]
    judged = any(sum(one.values()) for one in facts["judgments"].values())
    if unfinished:
        return f"rather {unfinished[-1]} (goes on where it stopped)"
    if turn:
        return f"rather run --rounds {turn['number'] + 1}"
    if not any(facts["prompts"].values()):
        return "rather import FILE"
    if not facts["completions"] and not judged:
        return "rather sample"
    if not judged:
        return "rather label"
    if "reward" not in stages:
        return "rather reward"
    if facts["too_weak"] and not stages & {"ppo", "dpo"}:
        return f"rather label, then rather reward again ({facts['too_weak']})"
    if not stages & {"ppo", "dpo"}:
        return "rather ppo"
    return "rather evaluate" if not _evaluated(facts) else "rather report"


def described(turn: dict[str, Any]) -> str:
    """The newest round in a sentence."""
    if turn["status"] == "running":
        where = turn["waits_for"] or f"next comes {turn['next_stage'] or 'the decision'}."
        return f"Round {turn['number']} from {turn['start']}: {where}"
    ended = turn["status"].replace("_", " ")
    by_hand = turn["in_force"] != turn["policy"]
    also = f" {turn['in_force']} was promoted by hand since." if by_hand else ""
    return f"Round {turn['number']} was {ended}: {turn['why']}{also}"


def _evaluated(facts: dict[str, Any]) -> bool:
    return any(run["stage"] == "evaluate" and run["status"] == "done" for run in facts["runs"])
