"""What may be handed on: nothing that was said without consent, or whose consent was taken back."""

from collections.abc import Iterable
from dataclasses import replace

from rather.data.collected import Collected
from rather.feedback.learning import NO_CONSENT, Dropped
from rather.records import Judgment

TAKEN_BACK = "consent to it was taken back"


def consented(collected: Collected) -> tuple[Collected, Dropped]:
    """All that may be handed on, and the judgments that may not, each with its reason.

    With a judgment go the events before and after it, what a user had asked if nothing else is
    about that, and a client of whom nothing is left. `collected.judgments` must be all events.
    """
    reasons = without_consent(collected.judgments)
    kept = tuple(one for one in collected.judgments if one.id not in reasons)
    about, people = {one.prompt_id for one in kept}, {one.labeller_id for one in kept}
    silent = {one.labeller_id for one in collected.judgments} - people
    prompts = tuple(one for one in collected.prompts if one.source != "use" or one.id in about)
    known = {one.id for one in prompts}
    left = replace(
        collected,
        prompts=prompts,
        completions=tuple(one for one in collected.completions if one.prompt_id in known),
        labellers=tuple(one for one in collected.labellers if one.id not in silent),
        judgments=kept,
    )
    return left, Dropped(tuple(reasons.items()))


def without_consent(judgments: Iterable[Judgment]) -> dict[str, str]:
    """By id, why nobody may learn from it: the reason of every event whose last successor has no
    consent. `judgments` must be all events about what they are about."""
    given = list(judgments)
    later = {one.supersedes: one for one in given if one.supersedes is not None}
    reasons = {}
    for one in given:
        last = one
        while last.id in later:
            last = later[last.id]
        if not last.has_consent:
            reasons[one.id] = TAKEN_BACK if last.is_retraction else NO_CONSENT
    return reasons
