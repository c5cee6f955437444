"""`withdraw` and `forget`: what a person may ask for, and what it means for the models.

A withdrawn judgment is not learnt from, counted or measured by any more; the versions that learnt
from it stay as they are, until they are built again without it.
"""

from collections import Counter
from typing import Any

from rather.errors import UsageError
from rather.records import WITHDRAWN, Labeller, Prompt
from rather.stages.history.lineage import learnt_by
from rather.stages.history.rebuilding import commands
from rather.store import judgments, labellers, prompts, versions
from rather.store.use import reactions
from rather.workspace import Workspace

Result = dict[str, Any]
NOTHING_DONE = "Nothing was changed; give --yes to do it."


def withdraw(ws: Workspace, labeller: str | None, prompt: str | None, *, does_it: bool) -> Result:
    """Take back what a labeller said, what was said about a prompt, or what one said about it.

    A prompt without a labeller is not asked any more either. Says what would be done, unless
    `does_it`.
    """
    if labeller is None and prompt is None:
        raise UsageError("Say whose judgments: --labeller NAME, --prompt ID, or both.")
    who = None if labeller is None else _find(ws, labeller).id
    if prompt is not None:
        _require_prompt(ws, prompt)
    meant = [
        one
        for one in judgments.all(ws.db)
        if who in (None, one.labeller_id) and prompt in (None, one.prompt_id)
    ]
    counting = {one.id for one in judgments.live(ws.db)}
    found = [one for one in meant if one.id in counting]
    touched = touched_by(ws, {one.id for one in meant})
    if does_it:
        # First: broken off between the two, the same command finds the judgments still counting.
        about = None if prompt is None else {one.id for one in meant}
        reactions.withdraw(ws.db, client=who, judgment_ids=about)
        found = judgments.retract(ws.db, labeller_id=who, prompt_id=prompt)
    result: Result = {
        "judgments": dict(Counter(one.kind for one in found)),
        "touched": touched,
        "rebuild": commands(ws, [one["version"] for one in touched if one["version"]]),
        "unknown": [v.name for v in versions.all(ws.db) if learnt_by(ws, v) is None],
        "is_done": does_it,
    }
    done = f"{len(found)} judgments {'were' if does_it else 'would be'} withdrawn"
    summary = f"{done}; {len(touched)} versions learnt from them."
    if prompt is not None and labeller is None:
        not_asked = "is not" if does_it else "would not be"
        summary += (
            f" The prompt {not_asked} asked any more; `rather withdraw --prompt {prompt} "
            "--ask-again` lets it be asked again."
        )
    summary += "" if does_it else f" {NOTHING_DONE}"
    return {"summary": summary, "text": "\n".join([summary, *_told(result)]), **result}


def ask_again(ws: Workspace, prompt: str, *, does_it: bool) -> Result:
    """Let a withdrawn prompt be asked as before; what was said about it stays withdrawn."""
    found = _require_prompt(ws, prompt)
    if found.source != WITHDRAWN:
        summary = f"The prompt {prompt} is not withdrawn; there is nothing to do."
    elif not does_it:
        summary = f"The prompt {prompt} would be asked again. {NOTHING_DONE}"
    else:
        prompts.ask_again(ws.db, prompt)
        summary = f"The prompt {prompt} is asked again; what was said about it stays withdrawn."
    return {"summary": summary, "prompt": prompt, "is_done": does_it}


def touched_by(ws: Workspace, ids: set[str]) -> list[Result]:
    """The versions that learnt from these judgments, or grew from such a version, oldest first."""
    touched: dict[str, Result] = {}
    for version in versions.all(ws.db):
        learnt = learnt_by(ws, version)
        own = ids.intersection(learnt.judgments) if learnt else set()
        through = [parent for parent in version.parents if parent in touched]
        if own or through:
            touched[version.name] = {
                "version": version.name,
                "judgments": len(own),
                "of": len(learnt.judgments) if learnt else 0,
                "through": through,
            }
    return list(touched.values())


def forget(ws: Workspace, labeller: str, *, does_it: bool) -> Result:
    """Delete a person's data; their judgments stay, as somebody's, and with them all statistics."""
    who = _find(ws, labeller)
    if who.is_simulated:
        raise UsageError(f"{who.name} is a simulator, which has no personal data.")
    num_judgments = sum(one.labeller_id == who.id for one in judgments.all(ws.db))
    if not does_it:
        summary = (
            f"would delete name, id, comments, drafts, sessions, links and served answers of "
            f"{who.name}, whose {num_judgments} judgments stay. {NOTHING_DONE}"
        )
        return {"summary": summary, "judgments": num_judgments, "is_done": False}
    gone = labellers.forget(ws.db, who.id)
    summary = (
        f"{who.name} is forgotten: {gone.num_comments} comments, {gone.num_drafts} drafts, "
        f"{gone.num_logins} sessions and links and {gone.num_served} served answers were deleted; "
        f"{gone.num_judgments} judgments stay, as those of {gone.id}. Restart a running app, write "
        "reports again, and look after back-ups and exports yourself."
    )
    ws.db.scrub()
    return {"summary": summary, **gone._asdict(), "is_done": True}


def _require_prompt(ws: Workspace, id: str) -> Prompt:
    found = prompts.get(ws.db, id)
    if found is None:
        raise UsageError(f"There is no prompt {id}; `rather export --as jsonl` has their ids.")
    return found


def _find(ws: Workspace, wanted: str) -> Labeller:
    known = labellers.all(ws.db)
    found = [one for one in known if one.id == wanted] or [
        one for one in known if one.name.casefold() == wanted.casefold()
    ]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(one.id for one in found)
        raise UsageError(f"{len(found)} labellers are called {wanted}: give the id ({ids}).")
    names = ", ".join(one.name for one in known) or "none yet"
    raise UsageError(f"There is no labeller {wanted}; this workspace has {names}.")


def _told(result: Result) -> list[str]:
    lines = []
    for one in result["touched"]:
        own = f"{one['judgments']} of its {one['of']} judgments" if one["judgments"] else ""
        through = f"grew from {', '.join(one['through'])}" if one["through"] else ""
        lines.append(f"  {one['version']}: {'; '.join(filter(None, (own, through)))}")
    if result["unknown"]:
        lines.append(f"  not known of {', '.join(result['unknown'])}: an older rather made them")
    if result["rebuild"]:
        lines += ["To build them again without, in this order:", *result["rebuild"]]
    return lines
