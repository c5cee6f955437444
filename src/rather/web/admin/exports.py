"""The feedback as a file to save, as `rather export` writes it."""

import io
import json
import zipfile
from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from rather.data.collected import Collected
from rather.data.exporting import texts
from rather.feedback.learning import Dropped
from rather.records import Judgment
from rather.store import completions, judgments, labellers, prompts
from rather.store.database import Database
from rather.web.context import CurrentContext
from rather.web.contract.overview import Format

MAX_REASONS = 20
"""Different reasons told for one file; what is beyond them is counted together."""
A_DAY_LONG_GONE = (1980, 1, 1, 0, 0, 0)
"""In the archive, so that the same data make the same bytes."""

router = APIRouter()


@router.get("/export")
def export(
    context: CurrentContext,
    format: Format,
    labeller: Annotated[str, Query(max_length=200)] = "",
    with_simulated: bool = False,
) -> Response:
    """One file: JSON lines, or (trl) an archive of three; a header says what was left out."""
    collected, passed = _collected(context.db, labeller, with_simulated)
    files, dropped = texts(collected, format)
    left_out = {"judgments": dict(passed)} if passed else {}
    left_out |= {name: _reasons(one) for name, one in dropped.items() if len(one)}
    is_archive = len(files) > 1
    content = _archive(files) if is_archive else next(iter(files.values())).encode()
    name = f"rather-{format}.{'zip' if is_archive else 'jsonl'}"
    return Response(
        content,
        media_type="application/zip" if is_archive else "application/x-ndjson",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            # ASCII only, as headers are.
            "X-Rather-Left-Out": json.dumps(left_out),
        },
    )


def _collected(db: Database, labeller: str, with_simulated: bool) -> tuple[Collected, Counter[str]]:
    """Everything that was asked for, and how many judgments were not."""
    everything = judgments.all(db)
    passed: Counter[str] = Counter()
    wanted: list[Judgment] = []
    for one in everything:
        if labeller and one.labeller_id != labeller:
            passed["given by others"] += 1
        elif one.is_simulated and not with_simulated:
            passed["given by simulated labellers"] += 1
        else:
            wanted.append(one)
    kept = _with_ancestors(wanted, everything)
    people = {one.labeller_id for one in kept}
    return (
        Collected(
            prompts=tuple(prompts.all(db)),
            completions=tuple(completions.all(db)),
            labellers=tuple(one for one in labellers.all(db) if one.id in people),
            judgments=kept,
        ),
        passed,
    )


def _with_ancestors(wanted: list[Judgment], everything: list[Judgment]) -> tuple[Judgment, ...]:
    """Those wanted and what they supersede, which another admin may have said."""
    by_id = {one.id: one for one in everything}
    ids = {one.id for one in wanted}
    for one in wanted:
        former = one.supersedes
        while former is not None and former not in ids:
            ids.add(former)
            former = by_id[former].supersedes
    return tuple(one for one in everything if one.id in ids)


def _reasons(dropped: Dropped) -> dict[str, int]:
    told = list(dropped.counts.items())
    reasons = dict(told[:MAX_REASONS])
    if len(told) > MAX_REASONS:
        reasons["other reasons"] = sum(number for _, number in told[MAX_REASONS:])
    return reasons


def _archive(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, A_DAY_LONG_GONE), text, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
