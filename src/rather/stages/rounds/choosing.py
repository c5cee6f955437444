"""`choose`: of all that could be asked, the questions worth a person's time, and some by chance.

The chance ones are drawn first and marked. About held-out prompts nothing else is asked, so that
reward models are measured on what was drawn, never on what was picked.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rather.config.stages import Choosing
from rather.data.identity import digest
from rather.equations.acquisition import pick
from rather.feedback.assignment import Item
from rather.records import Prompt, Question
from rather.stages.examples import LeftOut
from rather.stages.rounds.doubt import Askers, doubt_about
from rather.stages.rounds.open_questions import look
from rather.stages.runs import open_library, policy_name, reward_name
from rather.store import completions, judgments, prompts, questions, rounds, versions
from rather.workspace import Workspace

Result = dict[str, Any]
HELDOUT_SHARE = 0.15
"""Of all questions, those about held-out prompts: half of the least share that chance draws."""


def choose(ws: Workspace, *, dry_run: bool) -> Result:
    """Choose questions until `choose.num_questions` are open; given again, it has nothing to do."""
    section = ws.config.choose
    asked = {prompt.id: prompt for prompt in prompts.all(ws.db)}
    free, num_open, num_before = look(ws, asked)
    wanted = min(max(0, section.num_questions - num_open), len(free))
    if dry_run:
        summary = f"would choose {wanted} of {len(free)} questions; {num_open} are open already."
        return {"summary": summary, "wanted": wanted, "open": num_open}
    seed = f"{ws.config.seed}:{num_before}"
    left_out, picked = LeftOut(), list[Question]()
    chance = drawn(
        free, asked, _num_random(section, wanted), math.ceil(HELDOUT_SHARE * wanted), seed
    )
    if wanted > len(chance) and versions.newest(ws.db, "reward") is not None:
        picked = _picked(ws, asked, free, chance, wanted - len(chance), left_out)
    if wanted > len(chance) + len(picked):
        # without a reward model to doubt, and where it can judge too few, chance takes the rest
        taken = {one.item for one in picked}
        rest = [item for item in free if item.name not in taken]
        chance = drawn(rest, asked, wanted - len(picked), math.ceil(HELDOUT_SHARE * wanted), seed)
    at_random = [Question(one.name, one.kind, one.prompt_id, True, _now()) for one in chance]
    questions.add(ws.db, [*at_random, *picked])
    left_out.tell(ws.progress.say)
    num_heldout = sum(asked[item.prompt_id].split == "heldout" for item in chance)
    return {
        "summary": f"chose {wanted} questions of {len(free)}: {len(picked)} by doubt, drift and "
        f"coverage, {len(chance)} by chance ({num_heldout} of them about held-out prompts); "
        f"{num_open} were open already.",
        "picked": len(picked),
        "random": len(chance),
        "heldout": num_heldout,
        "open": num_open + wanted,
        "left_out": left_out.counts,
    }


def _num_random(section: Choosing, wanted: int) -> int:
    return math.ceil(section.random_fraction * wanted - 1e-9)  # 0.3 · 10 is a hair above 3


def drawn(
    items: Sequence[Item], asked: Mapping[str, Prompt], number: int, num_heldout: int, seed: str
) -> list[Item]:
    """So many of the items by chance, so many of them about held-out prompts where there are any.

    A draw depends on the seed and the item alone, not on what there is beside it.
    """
    order = sorted(items, key=lambda item: digest(["choose", seed, item.name]))
    heldout = [item for item in order if asked[item.prompt_id].split == "heldout"]
    train = [item for item in order if asked[item.prompt_id].split == "train"]
    share = min(len(heldout), max(min(num_heldout, number), number - len(train)))
    return heldout[:share] + train[: number - share]


def _picked(
    ws: Workspace,
    asked: Mapping[str, Prompt],
    free: Sequence[Item],
    chance: Sequence[Item],
    number: int,
    left_out: LeftOut,
) -> list[Question]:
    """The best of the rest on training prompts, by what the newest models think of them."""
    section, kind = ws.config.choose, ws.config.label.kind
    taken = {item.name for item in chance}
    rest = [
        item for item in free if item.name not in taken and asked[item.prompt_id].split == "train"
    ]
    answers = {one.id: one for one in completions.all(ws.db)}
    policy = rounds.policy_in_force(ws.db) or policy_name(ws, "newest")
    reward = reward_name(ws, section.reward)
    askers = Askers(open_library(ws), reward, policy, ws.progress)
    fitting, doubt = doubt_about(rest, asked, answers, askers, left_out)
    groups = [item.prompt_id for item in fitting]
    seen = Counter(one.prompt_id for one in judgments.live(ws.db, kind))
    seen.update(item.prompt_id for item in chance)
    places = pick(doubt.value(section), groups, number, coverage=section.coverage, seen=seen)
    found = []
    for place in places:
        reasons = {**doubt.reasons(place), "coverage": round(1 / (1 + seen[groups[place]]), 6)}
        found.append(Question(fitting[place].name, kind, groups[place], False, _now(), reasons))
        seen[groups[place]] += 1
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
