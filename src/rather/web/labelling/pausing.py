"""What follows from answers to control items: a word, then a pause that an admin ends."""

from sqlalchemy import Connection

from rather.records import Labeller
from rather.store import assignments, meta
from rather.web.context import Context
from rather.web.replies import Refusal
from rather.web.worklist import FORGIVEN

REASON = "accuracy on control items"


def is_paused(context: Context, labeller: Labeller) -> bool:
    """Whether this labeller is asked nothing now; their answers may have just decided it."""
    return bool(labeller.paused) or pause_if_due(context, labeller)


def require_not_paused(labeller: Labeller) -> None:
    """Refuse somebody who is paused; what they gave before is kept."""
    if labeller.paused:
        raise Refusal(403, "You are paused for now; nothing was lost or added.", code="paused")


def pause_if_due(context: Context, labeller: Labeller) -> bool:
    """Pause whoever is too often wrong; after that only later answers count, however it ends."""
    if context.worklist.standing(labeller.id) != "paused":
        return False
    moment = context.worklist.moment()

    def act(connection: Connection) -> None:
        assignments.pause(connection, labeller.id, REASON)
        meta.put_in(connection, FORGIVEN + labeller.id, moment)

    context.db.write(act)
    context.sessions.forget()
    context.worklist.forgive(labeller.id, moment)
    return True
