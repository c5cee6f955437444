"""What every verb hands its arguments to, imported when a verb runs and not before."""

from typing import Annotated, Any

from cyclopts import Parameter

Result = dict[str, Any]
"""JSON-able; its "summary" is the sentence people read, "text" a page for them."""
Switch = Annotated[bool, Parameter(negative=(), show_default=False)]


def pipeline() -> Any:
    """The functions of the stages."""
    # Imported here: the stages bring torch, which `--help` must not wait for.
    from rather import pipeline

    return pipeline


def housekeeping() -> Any:
    """What is done beside the loop."""
    # Imported here: it brings the store, which `--help` must not wait for.
    from rather import housekeeping

    return housekeeping
