"""Answers that may tell who made them: they hold a word such as a model's name."""

import re
from collections.abc import Iterable, Sequence

from rather.records import Completion


class Leaks:
    """Looks for whole words, whatever their case."""

    def __init__(self, words: Sequence[str]) -> None:
        some = "|".join(re.escape(word) for word in words if word)
        self._pattern = re.compile(rf"(?<!\w)(?:{some})(?!\w)", re.IGNORECASE) if some else None

    def in_text(self, text: str) -> list[str]:
        """The words found, in lower case, each once, in the order of the text."""
        if self._pattern is None:
            return []
        return list(dict.fromkeys(word.lower() for word in self._pattern.findall(text)))

    def of(self, completions: Iterable[Completion]) -> dict[str, list[str]]:
        """The words found, by completion; those without any are not in it."""
        found = {completion.id: self.in_text(completion.text) for completion in completions}
        return {id: words for id, words in found.items() if words}
