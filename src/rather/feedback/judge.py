"""`plain_reader`: a second, independent judge of "short and complete".

It shares no feature code with `concision`, and it is as strong as its weakest link (a harmonic
mean) where that one is a product, so that a policy which games one does not automatically game the
other.

    score = 4 / (1/sentences + 1/reading + 1/complete + 1/variety)            (0 to 1)

    sentences  1 for one or two sentences (a line break ends one too), then (2 / count)^1.5
    reading    seconds at 230 words a minute: t / 1.5 below 1.5 s, 1 up to 9 s, then e^(−(t − 9)/12)
    complete   0.6 for a final . ! … (0.2 for ?), 0.25 for balanced quotes and brackets, 0.15 for
               a first letter that is not lower case
    variety    distinct share of the words (full from 0.6) times zlib's compressed share of the
               bytes (full from 0.45), both of which collapse when a text repeats itself
"""

import math
import re
import zlib

from rather.records import Prompt

_WORDS_PER_SECOND = 230 / 60
_ABBREVIATIONS = frozenset(
    {"dr", "mr", "mrs", "ms", "st", "vs", "etc", "e.g", "i.e", "approx", "no", "prof"}
)
_CLOSERS = "\"'”’»)]}*_ \n\t"


def plain_reader(prompt: Prompt, completion: str) -> float:
    """Score from 0 to 1 how quickly and completely a plain reader has got the answer."""
    text = completion.strip()
    if not any(character.isalnum() for character in text):
        return 0.0
    links = (
        min(1.0, (2 / count_sentences(text)) ** 1.5),
        _reading(len(text.split()) / _WORDS_PER_SECOND),
        _completeness(text),
        _variety(text),
    )
    return 0.0 if min(links) <= 0 else len(links) / sum(1 / link for link in links)


def count_sentences(text: str) -> int:
    """Count sentences: a stop before a space, unless the word before it is an abbreviation."""
    count = 0
    for line in filter(None, map(str.strip, text.splitlines())):
        pieces = line.split()
        ends = [_ends_sentence(piece) for piece in pieces]
        count += sum(ends) + (0 if ends[-1] else 1)
    return count


def _ends_sentence(piece: str) -> bool:
    bare = piece.rstrip(_CLOSERS)
    if not bare.endswith((".", "!", "?", "…")):
        return False
    stem = bare.rstrip(".").lstrip("([{\"'“‘").lower()
    # "3." opens a list item and "J." shortens a name: neither ends a sentence.
    return stem not in _ABBREVIATIONS and not re.fullmatch(r"\d+|[a-z]", stem)


def _reading(seconds: float) -> float:
    if seconds < 1.5:
        return seconds / 1.5
    return math.exp(-max(0.0, seconds - 9) / 12)


def _completeness(text: str) -> float:
    bare = text.rstrip(_CLOSERS)
    stopped = 0.6 if bare.endswith((".", "!", "…")) else 0.2 if bare.endswith("?") else 0.0
    pairs = (("(", ")"), ("[", "]"), ("{", "}"), ("“", "”"))
    is_balanced = text.count('"') % 2 == 0 and all(text.count(a) == text.count(b) for a, b in pairs)
    is_opened = not next(character for character in text if character.isalnum()).islower()
    return stopped + 0.25 * is_balanced + 0.15 * is_opened


def _variety(text: str) -> float:
    tokens = [token.strip(".,;:!?\"'()").lower() for token in text.split()]
    raw = text.encode()
    distinct = len(set(tokens)) / len(tokens)
    compressed = len(zlib.compress(raw, 9)) / len(raw)
    return min(1.0, distinct / 0.6) * min(1.0, compressed / 0.45)
