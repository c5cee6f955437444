"""`rather db ...`: what is done to the workspace's database as a whole."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from rather.cli.flags import COMMON, Common

Result = dict[str, Any]


def copy(*, to: Annotated[str, Parameter(name="--to")], common: Common = COMMON) -> Result:
    """Copy the workspace's whole database into an empty one, SQLite or PostgreSQL.

    Stop the app and the training first: what they write later stays where it is.

    Parameters
    ----------
    to
        postgresql+psycopg://user@host/name, or a file that is not there yet.
    """
    # Imported here: SQLAlchemy would slow `--help` down.
    from rather.config.address import is_address, masked
    from rather.store.copying import copy_database, count_rows, refuse_occupied

    where = to if is_address(to) else str(Path(to).resolve())
    shown = masked(where)
    with common.open({}) as ws:
        source = ws.db.where
        if common.dry_run:
            refuse_occupied(where)
            tables = count_rows(ws.db)
            summary = f"would copy {sum(tables.values())} rows from {source} to {shown}"
            return {"summary": summary, "from": source, "to": shown, "tables": tables}
        copied = copy_database(ws.db, where, ws.progress)
        total = sum(one.num_rows for one in copied)
        num_missed = sum(count_rows(ws.db).values()) - total
    lines = [f"{one.table:<14}{one.num_rows:>9} rows  {one.digest[:16]}" for one in copied]
    summary = f"copied {total} rows from {source} to {shown}{_advice(shown, num_missed)}"
    return {
        "summary": summary,
        "text": "\n".join([*lines, summary]),
        "from": source,
        "to": shown,
        "tables": {one.table: {"rows": one.num_rows, "sha256": one.digest} for one in copied},
    }


def _advice(shown: str, num_missed: int) -> str:
    if num_missed:
        return (
            f", but {num_missed} rows were written meanwhile and are not there: stop what writes, "
            "empty the copy and repeat"
        )
    return (
        f", and found them the same there; now write `database: {shown}` into rather.yaml, or set "
        "RATHER_DATABASE_URL"
    )


def register(app: App, place: int) -> None:
    """Add the group of verbs `db` to the command line."""
    group = App(name="db", help="The workspace's database as a whole.", sort_key=place)
    group.command(copy, name="copy")
    app.command(group)
