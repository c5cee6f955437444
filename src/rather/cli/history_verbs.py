"""The verbs about what made the models: their lineage, and what people take back."""

from typing import Annotated, Any

from cyclopts import Parameter

from rather.cli import late
from rather.cli.flags import COMMON, Common
from rather.cli.late import Result, Switch
from rather.errors import UsageError

Labeller = Annotated[str | None, Parameter(name="--labeller")]
Prompt = Annotated[str | None, Parameter(name="--prompt")]


def lineage(version: str, *, common: Common = COMMON, **settings: Any) -> Result:
    """Show what made VERSION: judgments by labeller and guidelines, prompts, settings, parents.

    Parameters
    ----------
    version
        A version of the workspace, for example ppo-1.
    """
    with common.open(settings) as ws:
        return late.housekeeping().lineage(ws, version)


def withdraw(
    *,
    labeller: Labeller = None,
    prompt: Prompt = None,
    ask_again: Switch = False,
    yes: Switch = False,
    common: Common = COMMON,
    **settings: Any,
) -> Result:
    """Take back a labeller's judgments, or a prompt with those about it, and name touched models.

    Without --yes it only says what it would do.

    Parameters
    ----------
    labeller
        Name or id.
    prompt
        Id of what is not asked any more; with --labeller, only what that labeller said about it.
    ask_again
        Let a withdrawn prompt be asked as before instead; its judgments stay withdrawn.
    yes
        Do it.
    """
    with common.open(settings) as ws:
        does_it = yes and not common.dry_run
        if ask_again:
            if prompt is None or labeller is not None:
                raise UsageError("--ask-again is about a prompt: give its id with --prompt alone.")
            return late.housekeeping().ask_again(ws, prompt, does_it=does_it)
        return late.housekeeping().withdraw(ws, labeller, prompt, does_it=does_it)


def purge(
    *,
    client: Annotated[str | None, Parameter(name="--client")] = None,
    everything: Annotated[bool, Parameter(name="--all", negative=(), show_default=False)] = False,
    yes: Switch = False,
    common: Common = COMMON,
    **settings: Any,
) -> Result:
    """Delete what `serve` kept of its answers, for good: by default what is past serve.keep_days.

    Without --yes it only says what it would do. A running server does it by itself every hour.

    Parameters
    ----------
    client
        Only this client's, of whatever age, and what it said; an id as in `use_1f3a`.
    everything
        Everybody's, of whatever age.
    yes
        Do it.
    """
    with common.open(settings) as ws:
        does_it = yes and not common.dry_run
        return late.housekeeping().purge(ws, client, everything=everything, does_it=does_it)


def forget(
    labeller: str, *, yes: Switch = False, common: Common = COMMON, **settings: Any
) -> Result:
    """Delete the personal data of LABELLER; what they judged stays, as somebody's.

    Without --yes it only says what it would do.

    Parameters
    ----------
    labeller
        Name or id.
    yes
        Do it.
    """
    with common.open(settings) as ws:
        return late.housekeeping().forget(ws, labeller, does_it=yes and not common.dry_run)
