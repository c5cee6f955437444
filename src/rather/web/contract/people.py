"""What an admin sees and does about people: invitations, roles, sessions, pauses."""

from typing import Annotated, Literal

from pydantic import Field

from rather.records import MAX_NAME_CHARACTERS
from rather.web.contract.shape import Shape

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARACTERS)]
Role = Literal["admin", "labeller"]


class SessionInfo(Shape):
    """One browser that is logged in; `id` names it, it is no key to it."""

    id: str
    created_at: str
    is_current: bool


class PersonInfo(Shape):
    """One person, or one declared simulator."""

    id: str
    name: str
    role: Role
    is_simulated: bool
    paused: str
    judgments: int
    sessions: list[SessionInfo]
    has_open_invitation: bool


class PeopleReply(Shape):
    """GET /api/admin/people"""

    people: list[PersonInfo]


class InviteRequest(Shape):
    """POST /api/admin/people: a new person with a link to send them."""

    name: Name
    role: Role = "labeller"


class InvitationReply(Shape):
    """The link, shown once: the server keeps only its hash.

    POST /api/admin/people/{id}/invitations gives another one to somebody who is there already.
    """

    id: str
    name: str
    path: str
    """/login?token=...; the page puts its own origin before it."""
    expires_at: str


class PersonRequest(Shape):
    """PUT /api/admin/people/{id}: the last admin cannot be made a labeller."""

    role: Role | None = None
    paused: str | None = Field(None, max_length=200)
    """A reason pauses, an empty text resumes, null leaves it."""


# DELETE /api/admin/people/{id}/sessions: all of that person, and their open invitations.
# DELETE /api/admin/sessions/{session_id}: one.
# POST /api/logout: one's own.
