"""`invite`: somebody new, and the link that lets them in."""

from typing import Any, Literal

from rather.errors import UsageError
from rather.records import MAX_NAME_CHARACTERS, Labeller
from rather.store import labellers, logins
from rather.workspace import Workspace


def invite(
    ws: Workspace, name: str, role: Literal["admin", "labeller"], *, dry_run: bool
) -> dict[str, Any]:
    """Store a person and return the link to send them; the store keeps only its hash."""
    name = name.strip()
    if not name or len(name) > MAX_NAME_CHARACTERS:
        raise UsageError(f"Give the person a name of 1 to {MAX_NAME_CHARACTERS} characters.")
    if dry_run:
        return {"summary": f"would invite {name} as {role}.", "name": name, "role": role}
    person = Labeller(labellers.new_id(), name, is_simulated=False, role=role)
    link = logins.invite(ws.db, person)
    path = f"/login?token={link.token}"
    return {
        "summary": f"Send {name} this link, good once until {link.expires_at[:16]} UTC: "
        f"{_where(ws)}{path} (the app must run: `rather label`).",
        "id": person.id,
        "name": name,
        "role": role,
        "path": path,
        "expires_at": link.expires_at,
    }


def _where(ws: Workspace) -> str:
    """Where the app listens when it runs, as far as the settings tell."""
    section = ws.config.label
    if section.port == 0:
        return ""
    host = f"[{section.host}]" if ":" in section.host else section.host
    return f"http://{host}:{section.port}"
