"""What can be counted in answers without a judge: variety, refusals, repetition."""

import re
from collections.abc import Sequence
from itertools import islice

from rather.evaluation.statistics import mean
from rather.feedback.words import words

REPETITIVE = 0.2
"""Share of an answer's four-word sequences that were there before, from which it is counted."""
_OPENING = 200
"""Characters in which an answer that refuses says so."""
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry,? (?:but|i)|(?:not able|unable) to|just an ai)"
    r"|i (?:cannot|can't|can not|won't|will not|must decline)"
    r"|as an ai\b|as a language model)",
    re.IGNORECASE,
)


def distinct_n(texts: Sequence[str], n: int) -> float:
    """Different sequences of n words over all of them, in all texts together; nan without any.

    Li et al. 2016, §5, https://arxiv.org/abs/1510.03055. It falls as texts get longer, so compare
    it beside their length.
    """
    found = [one for text in texts for one in _sequences(text, n)]
    return len(set(found)) / len(found) if found else float("nan")


def refuses(text: str) -> bool:
    """Whether an answer begins as refusals do; a counter of phrases, not a judge."""
    return _REFUSAL.search(text[:_OPENING].replace("’", "'")) is not None


def repetition(text: str) -> float:
    """Share of the four-word sequences that were there before in the same text.

    1 − different / all: seq-rep-4 of Welleck et al. 2020, Eq. 5, https://arxiv.org/abs/1908.04319;
    0 for texts of fewer than five words.
    """
    found = list(_sequences(text, 4))
    return 1 - len(set(found)) / len(found) if found else 0.0


def counters(texts: Sequence[str]) -> dict[str, float]:
    """All of these of one model's answers; refusals and repetitive answers as shares."""
    repeated = [repetition(text) for text in texts]
    return {
        "distinct_1": distinct_n(texts, 1),
        "distinct_2": distinct_n(texts, 2),
        "refusal_rate": mean([float(refuses(text)) for text in texts]),
        "repetition": mean(repeated),
        "repetitive_rate": mean([float(one > REPETITIVE) for one in repeated]),
    }


def _sequences(text: str, n: int) -> list[tuple[str, ...]]:
    said = words(text)
    return list(zip(*(islice(said, start, None) for start in range(n)), strict=False))
