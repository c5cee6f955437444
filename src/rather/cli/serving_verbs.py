"""The verbs of serving: the API, what its versions are called, and who may ask."""

from typing import Any, Literal

from rather.cli import late
from rather.cli.flags import COMMON, Common
from rather.cli.late import Result, Switch


def serve(*, expose: Switch = False, common: Common = COMMON, **settings: Any) -> Result:
    """Serve the base and every version behind one OpenAI-compatible API.

    Parameters
    ----------
    expose
        Let other machines reach it, not only this one; they need a key.
    """
    with common.open(settings) as ws:
        return late.pipeline().serve(ws, dry_run=common.dry_run, expose=expose)


def alias(
    name: str | None = None,
    version: str | None = None,
    *,
    rollback: Switch = False,
    common: Common = COMMON,
    **settings: Any,
) -> Result:
    """Let NAME, for example prod, mean VERSION; without VERSION, say what names mean and meant.

    Parameters
    ----------
    name
        What clients ask for.
    version
        A version of the workspace, or base.
    rollback
        Let NAME mean what it did before.
    """
    with common.open(settings) as ws:
        return late.housekeeping().alias(
            ws, name, version, roll_back=rollback, dry_run=common.dry_run
        )


def key(
    name: str | None = None,
    *,
    role: Literal["client", "admin"] = "client",
    revoke: Switch = False,
    common: Common = COMMON,
    **settings: Any,
) -> Result:
    """Make a key of the API for NAME and print it, once; without NAME, list the keys.

    Parameters
    ----------
    name
        Whose it is; no two open keys have the same.
    role
        A client generates; an admin also loads versions and switches aliases.
    revoke
        Close the key of NAME instead.
    """
    with common.open(settings) as ws:
        return late.housekeeping().key(ws, name, role, revoke=revoke, dry_run=common.dry_run)
