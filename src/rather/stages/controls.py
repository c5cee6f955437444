"""Control items: questions with known answers, read from `label.checks.gold` and kept as a truth.

Their prompts are copies with the source `gold`: nothing samples, evaluates or learns from them.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from rather.data.identity import completion_id, digest
from rather.data.importing import Imported, ImportKind
from rather.data.importing import read as read_file
from rather.errors import DataError, UsageError
from rather.feedback.answer import Answer
from rather.feedback.events import Circumstances, new_id, new_judgment
from rather.feedback.items import item_name, item_of
from rather.feedback.kinds import KINDS, answer_of
from rather.records import Completion, Judgment, Kind, Labeller, Prompt
from rather.store import completions, judgments, labellers, prompts
from rather.workspace import Workspace

GOLD = Labeller("gold", "known answers", is_simulated=True)
"""Declared as no person, so that it stands among none."""
FORMATS: dict[Kind, ImportKind] = {"pair": "pairs", "ranking": "rankings", "thumb": "thumbs"}
MOST_RANKED = 6


@dataclass(frozen=True)
class Truth:
    """One control item."""

    prompt: Prompt
    completions: tuple[Completion, ...]
    answer: Answer

    @property
    def item(self) -> str:
        """The name of the item."""
        return item_name(self.answer.kind, self.prompt.id, self.answer.completion_ids)


def read(ws: Workspace) -> list[Truth]:
    """The control items of the workspace's file; none where no file is named.

    Raises DataError, with file and line, where a row cannot be used, and UsageError where the kind
    that is asked has no right answers.
    """
    section = ws.config.label
    if section.checks.gold is None:
        return []
    if not KINDS[section.kind].is_checkable:
        raise UsageError(
            f"label.checks.gold names control items, but nothing tells whether a {section.kind} "
            "is right; set it to null, or ask for another label.kind."
        )
    path = ws.root / section.checks.gold
    found = read_file(path, FORMATS[section.kind])
    if found.rejected:
        raise DataError(
            f"{found.rejected[0]}; {len(found.rejected)} of {found.num_rows} control items cannot "
            "be used: mend them in the file, or take them out."
        )
    return _distinct([_truth(one, found) for one in found.judgments], str(path))


def bring(ws: Workspace, truths: list[Truth]) -> int:
    """Make these the control items that are asked, and no others; return how many are new."""
    if ws.config.label.checks.gold is None:
        return 0
    labellers.add(ws.db, [GOLD])
    prompts.add(ws.db, [one.prompt for one in truths])
    completions.add(ws.db, [answer for one in truths for answer in one.completions])
    wanted = {one.item: one for one in truths}

    def act(connection: Connection) -> int:
        known: dict[str, Judgment] = {}
        for one in judgments.newest(connection, GOLD.id, ["gold"], limit=1_000_000):
            known[item_of(one)] = one
        for item, one in known.items():
            if item not in wanted or answer_of(one) != wanted[item].answer:
                judgments.record_in(connection, _said(one.prompt_id, answer_of(one), one))
        new = [
            truth
            for item, truth in wanted.items()
            if item not in known or answer_of(known[item]) != truth.answer
        ]
        for truth in new:
            judgments.record_in(connection, _said(truth.prompt.id, truth.answer))
        return len(new)

    return ws.db.write(act)


def _truth(judgment: Judgment, found: Imported) -> Truth:
    """A row's judgment with its prompt and completions, all under ids of their own."""
    prompt = next(one for one in found.prompts if one.id == judgment.prompt_id)
    id = "g_" + digest([[one.role, one.content] for one in prompt.messages])[:24]
    ids: dict[str, str] = {}
    texts = {one.id: one.text for one in found.completions}
    answer = answer_of(judgment)
    for old in answer.completion_ids:
        ids[old] = completion_id(id, "imported", {}, 0, texts[old])
    copies = tuple(
        Completion(ids[old], id, texts[old], "imported", finish_reason="imported")
        for old in answer.completion_ids
    )
    return Truth(
        replace(prompt, id=id, split="train", source="gold"), copies, _renamed(answer, ids)
    )


def _renamed(answer: Answer, ids: dict[str, str]) -> Answer:
    said = answer.to_said(answer.completion_ids)
    return KINDS[answer.kind].from_said(said, [ids[old] for old in answer.completion_ids])


def _distinct(truths: list[Truth], path: str) -> list[Truth]:
    by_item: dict[str, Truth] = {}
    for one in truths:
        if len(one.completions) > MOST_RANKED:
            raise DataError(
                f"{path}: a control item ranks {len(one.completions)} answers, and a page shows "
                f"{MOST_RANKED} at most; shorten it ({one.prompt.messages[-1].content[:60]!a})."
            )
        if not by_item.setdefault(one.item, one).answer.fits(one.answer):
            raise DataError(
                f"{path}: two rows know different answers to the same control item; keep one "
                f"({one.prompt.messages[-1].content[:60]!a})."
            )
    return list(by_item.values())


def _said(prompt_id: str, answer: Answer, takes_back: Judgment | None = None) -> Judgment:
    circumstances = Circumstances(
        source="gold",
        idempotency_key=f"gold:{new_id()}",
        supersedes=None if takes_back is None else takes_back.id,
        is_retraction=takes_back is not None,
    )
    return new_judgment(prompt_id, GOLD, answer, circumstances)
