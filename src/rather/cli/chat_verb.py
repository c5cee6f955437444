"""`rather chat`: with this workspace's models, or with a running server's."""

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from rather.cli import late
from rather.cli.flags import COMMON, Common, overrides
from rather.cli.late import Result
from rather.errors import UsageError


def chat(
    *models: str,
    model: Annotated[list[str] | None, Parameter(negative=(), consume_multiple=False)] = None,
    prompt: str | None = None,
    url: str | None = None,
    consent: bool = True,
    common: Common = COMMON,
    **settings: Any,
) -> Result:
    """Talk with MODELS (without any: the newest), side by side; what you pick or edit trains.

    A message that is piped in is answered, and that is all.

    Parameters
    ----------
    models
        Who answers: base, newest or versions; with --url what the server calls them.
    model
        The same, as a flag; give it twice to compare two.
    prompt
        Answer this one message and end.
    url
        Ask a running server, http://host:port, and send it what you pick. No workspace is needed;
        $RATHER_API_KEY (or $OPENAI_API_KEY) opens it.
    consent
        With --url: whether models may learn from what you pick and edit, or it is only counted.
    """
    wanted = (*models, *(model or ())) or ("newest",)
    if common.dry_run:
        return {"summary": f"would talk with {', '.join(wanted)}.", "models": list(wanted)}
    message = _message(prompt, common)
    if url is not None:
        config = _config(common, settings)
        return late.pipeline().chat_at(url, config, wanted, message, consent=consent)
    with common.open(settings) as ws:
        return late.pipeline().chat(ws, wanted, message)


def _message(prompt: str | None, common: Common) -> str | None:
    """The one message to answer; None where a person at the terminal will type them."""
    if prompt is not None:
        return prompt
    if sys.stdin.isatty():
        if common.as_json:
            raise UsageError("--json answers one message: give --prompt, or pipe it in.")
        return None
    piped = sys.stdin.read().strip()
    if not piped:
        raise UsageError("There is nothing to answer: give --prompt, or pipe a message in.")
    return piped


def _config(common: Common, settings: dict[str, Any]) -> Any:
    """The settings in force here; the defaults outside of any workspace."""
    # Imported here: SQLAlchemy would slow `--help` down.
    from rather.config.loading import load
    from rather.workspace import Workspace, find_workspace

    try:
        root = common.workspace or find_workspace(Path.cwd())
    except UsageError:  # a server can be asked from anywhere
        return load(None, overrides(settings))
    return Workspace.open(root, overrides(settings)).config
