"""The verbs of labelling: the app, and who may come in."""

from typing import Any, Literal

from rather.cli import late
from rather.cli.flags import COMMON, Common
from rather.cli.late import Result, Switch


def label(*, expose: Switch = False, common: Common = COMMON, **settings: Any) -> Result:
    """Open the labelling app, or let a declared simulated labeller answer (--simulate NAME).

    Parameters
    ----------
    expose
        Let other machines reach the app, not only this one.
    """
    with common.open(settings) as ws:
        return late.pipeline().label(ws, dry_run=common.dry_run, expose=expose)


def choose(*, common: Common = COMMON, **settings: Any) -> Result:
    """Choose the questions worth asking, and some by chance; only these are asked from then on."""
    with common.open(settings) as ws:
        return late.pipeline().choose(ws, dry_run=common.dry_run)


def invite(
    name: str,
    *,
    role: Literal["admin", "labeller"] = "labeller",
    common: Common = COMMON,
    **settings: Any,
) -> Result:
    """Take NAME in and print a link for them, good once and for seven days.

    Parameters
    ----------
    name
        Their name, as other people see it.
    role
        An admin sees everybody's work and settles disagreements; a labeller judges.
    """
    with common.open(settings) as ws:
        return late.pipeline().invite(ws, name, role, dry_run=common.dry_run)
