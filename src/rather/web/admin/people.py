"""Who takes part: invitations, roles, pauses, sessions."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request

from rather.records import Labeller
from rather.store import labellers, logins
from rather.store.logins import Link, Session
from rather.web.admin.labelled import num_judgments
from rather.web.admin.ledger import CurrentLedger
from rather.web.context import Context, CurrentContext
from rather.web.contract.people import (
    InvitationReply,
    InviteRequest,
    PeopleReply,
    PersonInfo,
    PersonRequest,
    SessionInfo,
)
from rather.web.contract.shape import Done, LabellerId
from rather.web.markup import visible
from rather.web.replies import Refusal

SessionId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]

router = APIRouter()


@router.get("/people")
def people(request: Request, context: CurrentContext, ledger: CurrentLedger) -> PeopleReply:
    """Everybody, and every declared simulator."""
    own = logins.session_id(request.cookies[context.cookie_name])
    sessions, invited = logins.sessions(context.db), logins.invited(context.db)
    with ledger.reading():
        counts = num_judgments(ledger)
    return PeopleReply(
        people=[
            PersonInfo(
                id=one.id,
                name=visible(one.name),
                role=one.role,
                is_simulated=one.is_simulated,
                paused=visible(one.paused),
                judgments=counts[one.id],
                sessions=[_told(session, own) for session in sessions.get(one.id, ())],
                has_open_invitation=one.id in invited,
            )
            for one in labellers.all(context.db)
        ]
    )


@router.post("/people")
def invite(body: InviteRequest, context: CurrentContext) -> InvitationReply:
    """Take somebody new in, with a link to send them."""
    name = body.name.strip()
    if not name:
        raise Refusal(422, "Give the person a name.", code="invalid")
    person = Labeller(labellers.new_id(), name, is_simulated=False, role=body.role)
    return _invitation(person, logins.invite(context.db, person))


@router.post("/people/{id}/invitations")
def invite_again(id: LabellerId, context: CurrentContext) -> InvitationReply:
    """Another link for somebody who is there; the ones before stop working."""
    person = _person(context, id)
    return _invitation(person, logins.invite_again(context.db, id))


@router.put("/people/{id}")
def change(id: LabellerId, body: PersonRequest, context: CurrentContext) -> Done:
    """Give somebody another role, pause them, or let them go on."""
    _person(context, id)
    labellers.change(context.db, id, role=body.role, paused=body.paused)
    context.sessions.forget()
    return Done()


@router.delete("/people/{id}/sessions")
def log_out_everywhere(id: LabellerId, context: CurrentContext) -> Done:
    """End all sessions of one person, and close their open invitations."""
    logins.revoke_all(context.db, _person(context, id).id)
    context.sessions.forget()
    return Done()


@router.delete("/sessions/{session_id}")
def end_session(session_id: SessionId, context: CurrentContext) -> Done:
    """End one session."""
    if not logins.revoke_named(context.db, session_id):
        raise Refusal(404, "There is no such session, or it is over.", code="unknown_session")
    context.sessions.forget()
    return Done()


def _person(context: Context, id: str) -> Labeller:
    found = labellers.get(context.db, id)
    if found is None:
        raise Refusal(404, "There is nobody of that id here.", code="unknown_person")
    if found.is_simulated:
        raise Refusal(409, "This is a simulated labeller, not a person.", code="not_a_person")
    return found


def _invitation(person: Labeller, link: Link) -> InvitationReply:
    return InvitationReply(
        id=person.id,
        name=visible(person.name),
        path=f"/login?token={link.token}",
        expires_at=link.expires_at,
    )


def _told(session: Session, own: str) -> SessionInfo:
    is_current = session.id == own
    return SessionInfo(id=session.id, created_at=session.created_at, is_current=is_current)
