"""The verbs that bring things in and take them out: feedback, and models to use elsewhere."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from rather.cli import late
from rather.cli.flags import COMMON, Common
from rather.cli.late import Result
from rather.data.importing import ImportKind
from rather.errors import UsageError
from rather.records import WrittenPrecision


def import_(
    file: Path,
    *,
    kind: Annotated[ImportKind | None, Parameter(name="--as")] = None,
    on_error: Literal["skip", "stop"] = "stop",
    common: Common = COMMON,
    **settings: Any,
) -> Result:
    """Bring prompts or feedback from FILE into the workspace.

    Parameters
    ----------
    file
        JSON Lines, JSON, CSV or Parquet; for prompts also plain text, one a line.
    kind
        What the rows are; without it this is told from the rows, where it can be.
    on_error
        A malformed row stops the import before anything is stored, or is skipped, counted, listed.
    """
    with common.open(settings) as ws:
        return late.pipeline().import_file(
            ws, file, kind, on_error=on_error, dry_run=common.dry_run
        )


def export(
    *,
    format: Annotated[
        Literal["trl", "arena", "jsonl", "parquet"] | None, Parameter(name="--as")
    ] = None,
    merge: str | None = None,
    precision: WrittenPrecision = "auto",
    out: Path | None = None,
    common: Common = COMMON,
    **settings: Any,
) -> Result:
    """Write the feedback to files other tools read (--as), or a version's model (--merge).

    Parameters
    ----------
    format
        The feedback's format.
    merge
        A version, or newest, to write as a plain Hugging Face folder that needs no PEFT.
    precision
        Of the merged weights; auto is the base model's own.
    out
        File or folder to write; without it one is made in the workspace.
    """
    if (format is None) == (merge is None):
        raise UsageError("Give --as FORMAT to export the feedback, or --merge VERSION for a model.")
    if merge is None and precision != "auto":
        raise UsageError("--precision is that of a merged model; give --merge VERSION with it.")
    with common.open(settings) as ws:
        if merge is not None:
            return late.pipeline().export_merged(ws, merge, out, precision, dry_run=common.dry_run)
        return late.pipeline().export(ws, format, out, dry_run=common.dry_run)
