"""The verbs that train one stage; the same command again goes on from the last checkpoint."""

from typing import Any

from rather.cli import late
from rather.cli.flags import COMMON, Common
from rather.cli.late import Result, Switch


def sft(*, fresh: Switch = False, common: Common = COMMON, **settings: Any) -> Result:
    """Learn from demonstrations and corrections, or from plain text.

    Parameters
    ----------
    fresh
        Start anew instead of going on from the last checkpoint.
    """
    with common.open(settings) as ws:
        return late.pipeline().sft(ws, dry_run=common.dry_run, fresh=fresh)


def reward(*, fresh: Switch = False, common: Common = COMMON, **settings: Any) -> Result:
    """Learn from comparisons what people prefer.

    Parameters
    ----------
    fresh
        Start anew instead of going on from the last checkpoint.
    """
    with common.open(settings) as ws:
        return late.pipeline().reward(ws, dry_run=common.dry_run, fresh=fresh)


def ppo(
    *, fresh: Switch = False, force: Switch = False, common: Common = COMMON, **settings: Any
) -> Result:
    """Tune the policy against the reward under a KL penalty.

    Parameters
    ----------
    fresh
        Start anew instead of going on from the last checkpoint.
    force
        Tune also against a reward model that is hardly better than chance.
    """
    with common.open(settings) as ws:
        return late.pipeline().ppo(ws, dry_run=common.dry_run, fresh=fresh, force=force)


def dpo(*, fresh: Switch = False, common: Common = COMMON, **settings: Any) -> Result:
    """Tune the policy on the comparisons directly, without a reward model.

    Parameters
    ----------
    fresh
        Start anew instead of going on from the last checkpoint.
    """
    with common.open(settings) as ws:
        return late.pipeline().dpo(ws, dry_run=common.dry_run, fresh=fresh)
