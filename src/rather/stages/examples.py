"""From records to token rows, with a list of everything that had to be left out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from rather.config.stages import SFT
from rather.data.identity import digest
from rather.data.rows import read_rows
from rather.errors import DataError, TooLong, UsageError
from rather.feedback import learning
from rather.records import TALK_SOURCES, Comparison, Demonstration, Judgment, Learnt, Prompt, Split
from rather.store import completions, judgments, prompts
from rather.workspace import Workspace

if TYPE_CHECKING:  # tokens bring torch, and comparisons are also counted where there is none
    from rather.data.batch import Row
    from rather.data.judged import Judged, Text
    from rather.data.tokens import Codec
    from rather.training.cast import Task

T = TypeVar("T")


@dataclass
class LeftOut:
    """What could not be used, by reason."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    held_back: int = 0
    """Judgments about the other split's prompts: no loss, so they are not among the counts."""

    def add(self, reason: str, example: str) -> None:
        """One more, for a reason; the first few are kept by name."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        named = self.examples.setdefault(reason, [])
        if len(named) < 5:
            named.append(example)

    def add_all(self, dropped: learning.Dropped) -> None:
        """What learning from judgments left out."""
        for judgment_id, reason in dropped.reasons:
            if reason.startswith(learning.HELD_BACK):
                self.held_back += 1
            else:
                self.add(reason, judgment_id)

    def tell(self, say: Callable[[str], None]) -> None:
        """Say what was left out, a line a reason."""
        for reason, count in self.counts.items():
            say(f"left out {count}: {reason} (for example {self.examples[reason][0]})")


def load_comparisons(ws: Workspace, split: Split) -> tuple[list[Comparison], LeftOut]:
    """Every comparison that live judgments give about one split's prompts."""
    live, left_out = live_judgments(ws), LeftOut()
    if split == "heldout":
        live = [one for one in live if not _is_from_a_chat(one, left_out)]
    found, dropped = learning.comparisons(live, prompts.all(ws.db), completions.all(ws.db), split)
    left_out.add_all(dropped)
    return found, left_out


def live_judgments(ws: Workspace) -> list[Judgment]:
    """The judgments to learn from: all that count, or those up to `judgments_until`."""
    until = ws.config.judgments_until
    return judgments.live(ws.db) if until is None else judgments.live_until(ws.db, until)


def _is_from_a_chat(judgment: Judgment, left_out: LeftOut) -> bool:
    """Whether it was given where one asks what one likes; counted if so."""
    is_from_a_chat = judgment.source in TALK_SOURCES
    if is_from_a_chat:
        left_out.add("given in the playground or in use, which measures nothing", judgment.id)
    return is_from_a_chat


def of_half(
    comparisons: Sequence[Comparison], half: Literal["both", "first", "second"]
) -> list[Comparison]:
    """Those about one half of the prompts, drawn by the prompts' ids: always the same half."""
    if half == "both":
        return list(comparisons)
    wanted = half == "second"
    return [one for one in comparisons if int(digest(["half", one.prompt.id])[0], 16) % 2 == wanted]


def fitting(
    comparisons: Sequence[Comparison], codec: "Codec", left_out: LeftOut
) -> list[Comparison]:
    """The comparisons that the model can hold and spell; the others are counted."""
    return [
        comparison
        for comparison in comparisons
        if _fits(codec, comparison, left_out, comparison.judgment_id)
    ]


def judged_rows(comparisons: Sequence[Comparison], codec: "Codec") -> "list[Judged]":
    """Fitting comparisons as token rows."""
    from rather.data.judged import gather  # imported here, as below: it brings torch

    return gather(comparisons, codec.row)


def without_tied_pairs(comparisons: Iterable[Comparison], left_out: LeftOut) -> list[Comparison]:
    """The comparisons that are not tied pairs; the tied ones are counted."""
    kept = []
    for comparison in comparisons:
        if len(set(comparison.ranks)) == 1:
            left_out.add("a tie says nothing here", comparison.judgment_id)
        else:
            kept.append(comparison)
    return kept


class Shown(NamedTuple):
    """What SFT learns."""

    rows: "list[Row]"
    identity: list[Any]
    """What tells it from other data, JSON-able."""
    left_out: LeftOut
    learnt: Learnt = Learnt()


def demonstration_rows(ws: Workspace, section: SFT, codec: "Codec") -> Shown:
    """Rows for SFT: demonstrations and corrections, or plain text."""
    left_out = LeftOut()
    if section.text is not None:
        rows = text_rows(ws, section.text, section.text_block, codec, left_out)
        return Shown(rows, [section.text, [row.completions for row in rows]], left_out)
    found, dropped = learning.demonstrations(
        live_judgments(ws), prompts.all(ws.db), completions.all(ws.db), "train"
    )
    left_out.add_all(dropped)
    rows, fitting_ones = [], []
    for one in found:
        assert one.prompt is not None, "stored demonstrations have prompts"
        row = encode(codec, one.prompt, ((one.completion, False),), left_out, one.prompt.id)
        if row is not None:
            rows.append(row)
            fitting_ones.append(one)
    identity = [[one.prompt.id if one.prompt else "", one.completion] for one in found]
    return Shown(rows, identity, left_out, learnt_from(fitting_ones))


def text_rows(
    ws: Workspace, path: str, block: int, codec: "Codec", left_out: LeftOut
) -> "list[Row]":
    """Plain text in blocks: documents joined by the stop token, cut every `block` tokens."""
    from rather.data.batch import Row

    if block >= codec.context:
        raise UsageError(
            f"sft.text_block is {block}, but with the token before it a block must fit the "
            f"model's context of {codec.context} tokens; lower it."
        )
    ids: list[int] = [codec.stop_ids[0]]
    for number, text in enumerate(_documents(ws, path), start=1):
        encoded = codec.completion_ids(text)
        if len(encoded) == 1:
            left_out.add("the text is empty", f"{path}:{number}")
            continue
        ids.extend(encoded)
    blocks = [tuple(ids[i : i + block + 1]) for i in range(0, len(ids) - 1, block)]
    return [Row(one[:1], (one[1:],)) for one in blocks if len(one) > 1]


def _documents(ws: Workspace, path: str) -> list[str]:
    file = ws.root / path
    if not file.exists():
        raise DataError(f"sft.text: there is no file {file}.")
    if file.suffix != ".jsonl":
        return [file.read_text("utf-8")]
    found = []
    for row in read_rows(file):
        text = getattr(row, "values", {}).get("text")
        if not isinstance(text, str):
            raise DataError(f'sft.text: {file} should hold rows of {{"text": ...}}.')
        found.append(text)
    return found


def tasks(ws: Workspace, codec: "Codec", left_out: LeftOut, split: Split = "train") -> "list[Task]":
    """One split's prompts with their tokens; without those that models are not asked."""
    from rather.training.cast import Task

    found = []
    for prompt in (one for one in prompts.all(ws.db, split) if one.is_asked):
        row = encode(codec, prompt, (), left_out, prompt.id)
        found += [] if row is None else [Task(prompt, row.prompt_ids)]
    return found


def encode(
    codec: "Codec", prompt: Prompt, texts: "tuple[Text, ...]", left_out: LeftOut, name: str
) -> "Row | None":
    """A token row, or None (and counted) where the model cannot hold or spell it."""
    try:
        return codec.row(prompt, texts)
    except TooLong as error:
        left_out.add("longer than the model's context", f"{name}: {error}".rstrip("."))
    except DataError as error:
        left_out.add("the model's tokens cannot spell it", f"{name}: {error}".rstrip("."))
    return None


def _fits(codec: "Codec", comparison: Comparison, left_out: LeftOut, name: str) -> bool:
    texts = tuple((text, False) for text in comparison.completions)
    return encode(codec, comparison.prompt, texts, left_out, name) is not None


def learnt_from(learnt: Sequence[Comparison | Demonstration]) -> Learnt:
    """The ids of the judgments behind what is learnt, and of their prompts, each once."""
    judgments_ = dict.fromkeys(one.judgment_id for one in learnt if one.judgment_id)
    prompts_ = dict.fromkeys(one.prompt.id for one in learnt if one.prompt is not None)
    return Learnt(tuple(judgments_), tuple(prompts_))


def identity(comparisons: Sequence[Comparison]) -> list[Any]:
    """What identifies comparisons for a run: judgments, texts and ranks."""
    return [[c.judgment_id, c.completions, c.ranks, c.strength] for c in comparisons]
