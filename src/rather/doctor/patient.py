"""The workspace as the doctor sees it: everything loaded at most once, and only when asked for.

Where something is not there yet, asking for it raises NotYet, which says what is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from rather.data.batch import Row
from rather.data.judged import Text
from rather.data.tokens import Codec
from rather.errors import DataError
from rather.feedback import learning
from rather.feedback.learning import Dropped
from rather.models.library import Library
from rather.models.roles import Policy
from rather.records import Comparison, Completion, ModelVersion, Prompt
from rather.stages.runs import open_library, policy_name
from rather.store import completions, judgments, prompts, versions
from rather.workspace import Workspace

T = TypeVar("T")
NUM_ANSWERS = 200
"""Answers that are encoded and looked at."""
NUM_PROMPTS = 1000
"""Prompts that are encoded and looked at."""
NUM_PROBES = 4
"""Answers that go through the network."""
MOST_PROBE_TOKENS = 48
"""Tokens of a probe's prompt (its end) and of its completion (its beginning)."""


class NotYet(Exception):
    """There is nothing to look at in this stage of the workspace; says what is missing."""


@dataclass(frozen=True)
class Answer:
    """A completion that training learns from, or (before there are judgments) a sampled one."""

    prompt: Prompt
    text: str
    is_cut_off: bool = False


@dataclass(frozen=True)
class Encoded:
    """An answer with its tokens."""

    answer: Answer
    row: Row


@dataclass
class Patient:
    """A workspace under examination."""

    ws: Workspace

    @cached_property
    def library(self) -> Library:
        """The models it can name."""
        return open_library(self.ws)

    @cached_property
    def start(self) -> str:
        """The policy that tuning would start from."""
        return policy_name(self.ws, self.ws.config.ppo.start)

    @cached_property
    def codec(self) -> Codec:
        """The tokenizer and template of that policy."""
        return self.library.codec(self.start)

    @cached_property
    def policy(self) -> Policy:
        """That policy itself."""
        return self.library.policy(self.start)

    @cached_property
    def versions(self) -> list[ModelVersion]:
        """What was trained here, oldest first."""
        return versions.all(self.ws.db)

    def newest(self, stage: str) -> ModelVersion:
        """The newest version of a stage, or NotYet."""
        made = [version for version in self.versions if version.stage == stage]
        if not made:
            raise NotYet(f"there is no {stage} version; `rather {stage}` trains one")
        return made[-1]

    @cached_property
    def prompts(self) -> list[Prompt]:
        """All prompts, or NotYet."""
        found = [prompt for prompt in prompts.all(self.ws.db) if prompt.is_asked]
        if not found:
            raise NotYet("there are no prompts; bring some with `rather import FILE`")
        return found

    @cached_property
    def completions(self) -> list[Completion]:
        """All stored completions; there may be none."""
        return completions.all(self.ws.db)

    @cached_property
    def _learnt(self) -> tuple[list[Comparison], Dropped]:
        return learning.comparisons(judgments.live(self.ws.db), self.prompts, self.completions)

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """What live judgments compare, on both splits, or NotYet."""
        found, _ = self._learnt
        if not found:
            raise NotYet("nothing was compared; `rather label` or `rather import FILE --as pairs`")
        return found

    @property
    def dropped(self) -> Dropped:
        """The judgments no comparison could be made of."""
        return self._learnt[1]

    @cached_property
    def answers(self) -> list[Answer]:
        """The completions training learns from, each once, else what was sampled; or NotYet."""
        comparisons, _ = self._learnt
        shown, _ = learning.demonstrations(
            judgments.live(self.ws.db), self.prompts, self.completions
        )
        found = [
            Answer(one.prompt, text, is_cut_off)
            for one in comparisons
            for text, is_cut_off in texts_of(one)
        ]
        found += [Answer(one.prompt, one.completion) for one in shown if one.prompt is not None]
        if not found:
            asked = {prompt.id: prompt for prompt in self.prompts}
            found = [
                Answer(asked[one.prompt_id], one.text, one.finish_reason == "length")
                for one in self.completions
                if one.text.strip()
            ]
        if not found:
            raise NotYet("there are no completions; `rather sample` makes some")
        return list({(one.prompt.id, one.text): one for one in found}.values())

    @cached_property
    def _prompts_encoded(self) -> tuple[list[tuple[int, ...]], list[str]]:
        found, refused = [], []
        for prompt in sampled(self.prompts, NUM_PROMPTS):
            try:
                found.append(self.codec.prompt_ids(prompt))
            except DataError as error:
                refused.append(str(error))
        return found, refused

    @property
    def encoded_prompts(self) -> list[tuple[int, ...]]:
        """A sample of the prompts as tokens, or NotYet; the rest is in `refused_prompts`."""
        found, refused = self._prompts_encoded
        if not found:
            raise NotYet(f"no prompt can be encoded ({refused[0]})")
        return found

    @property
    def refused_prompts(self) -> list[str]:
        """Why some of the sampled prompts cannot be encoded, a sentence each."""
        return self._prompts_encoded[1]

    @cached_property
    def _answers_encoded(self) -> tuple[list[Encoded], list[str]]:
        found, refused = [], []
        for one in sampled(self.answers, NUM_ANSWERS):
            try:
                row = self.codec.row(one.prompt, ((one.text, one.is_cut_off),))
            except DataError as error:
                refused.append(str(error))
            else:
                found.append(Encoded(one, row))
        return found, refused

    @property
    def encoded(self) -> list[Encoded]:
        """A sample of the answers as tokens, or NotYet; the rest is in `refused_answers`."""
        found, refused = self._answers_encoded
        if not found:
            raise NotYet(f"no completion can be encoded with its prompt ({refused[0]})")
        return found

    @property
    def refused_answers(self) -> list[str]:
        """Why some of the sampled answers cannot be encoded, a sentence each."""
        return self._answers_encoded[1]

    @cached_property
    def probes(self) -> list[Row]:
        """A few rows short enough to run at once, of different lengths."""
        return [_shortened(one.row) for one in sampled(self.encoded, NUM_PROBES)]


def texts_of(comparison: Comparison) -> list[Text]:
    """A comparison's completions, each with whether the length limit cut it off."""
    cut_off = comparison.is_cut_off or (False,) * len(comparison.completions)
    return list(zip(comparison.completions, cut_off, strict=True))


def sampled(items: Sequence[T], most: int) -> list[T]:
    """At most so many of the items, evenly spread over all of them."""
    if len(items) <= most:
        return list(items)
    return [items[number * len(items) // most] for number in range(most)]


def of_all(looked_at: int, everything: int, what: str) -> str:
    """`200 of 1300 prompts`, or `all 12 prompts`."""
    if looked_at == everything:
        return f"all {everything} {what}"
    return f"{looked_at} of {everything} {what}"


def _shortened(row: Row) -> Row:
    (completion,) = row.completions
    return replace(
        row,
        prompt_ids=row.prompt_ids[-MOST_PROBE_TOKENS:],
        completions=(completion[:MOST_PROBE_TOKENS],),
    )
