"""`concision`: did the answer really answer, in one or two complete sentences?

    score = length · complete · form · fresh · answer · about            (0 to 1)

    length    n / 8 below 8 words; 1 from 8 to 30 words; then 1 − 0.35·log2(n / 30), never below 0
              (60 words .65, 120 words .30)
    complete  1 when the text ends with . ! ? … (quotes or brackets may follow), else 0.4: cut off
    form      0.5 when any line is a list item or a heading, else 1
    fresh     the smaller of: share of three-word sequences that are distinct; share of meaningful
              words that are distinct, divided by 0.7 (at most 1)
    answer    1 − 0.7·0.3^k for k distinct meaningful words that the prompt does not have: an echo
              of the question gets 0.3, one new word 0.79, three 0.98
    about     0.85 + 0.15·s / 2 for s (at most 2) distinct meaningful words shared with the prompt

The factors multiply, so no single trick (stopping early, echoing, padding, listing) pays.
"""

import math

from rather.feedback.words import (
    content_stems,
    ends_complete,
    has_heading,
    list_lines,
    prompt_text,
    words,
)
from rather.records import Prompt

_ENOUGH_WORDS = 8
_MANY_WORDS = 30


def concision(prompt: Prompt, completion: str) -> float:
    """Score from 0 to 1 how well the completion answers in one or two complete sentences."""
    num_words = len(words(completion))
    if num_words == 0:
        return 0.0
    asked = set(content_stems(prompt_text(prompt)))
    said = content_stems(completion)
    complete = 1.0 if ends_complete(completion) else 0.4
    form = 0.5 if list_lines(completion) or has_heading(completion) else 1.0
    answer = 1.0 - 0.7 * 0.3 ** len(set(said) - asked)
    about = 0.85 + 0.15 * min(2, len(set(said) & asked)) / 2
    return length_factor(num_words) * complete * form * _fresh(completion, said) * answer * about


def length_factor(num_words: int) -> float:
    """Return 1 for 8 to 30 words, less for fewer (linear) and for more (logarithmic)."""
    if num_words <= _MANY_WORDS:
        return min(1.0, num_words / _ENOUGH_WORDS)
    return max(0.0, 1.0 - 0.35 * math.log2(num_words / _MANY_WORDS))


def _fresh(completion: str, said: list[str]) -> float:
    tokens = words(completion)
    trigrams = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
    distinct_trigrams = len(set(trigrams)) / len(trigrams) if trigrams else 1.0
    distinct_words = len(set(said)) / len(said) if said else 1.0
    return min(distinct_trigrams, min(1.0, distinct_words / 0.7))
