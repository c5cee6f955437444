"""The words of a text as the gold scores count them, and the text a prompt asks with."""

import re

from rather.records import Prompt

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_LIST_LINE = re.compile(r"^\s*(?:[-*•]\s|\d+[.)]\s)", re.MULTILINE)
_HEADING_LINE = re.compile(r"^\s*(?:#{1,6}\s|\*\*[^*\n]+\*\*:?\s*$)", re.MULTILINE)
_COMPLETE_END = re.compile(r"[.!?…][\"'”’»)\]}*_]*\s*\Z")

# One string, so that the list stays readable.
_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\S+",
        """
        a about after all also am an and any are as at be because been before being but by can
        can't could did do does doing don't for from had has have having he her here hers him his
        how i i'm if in into is it it's its just like may me might more most must my no nor not of
        off on one or our out over own she should so some such than that that's the their them then
        there these they this those to too up us very was we were what when where which while who
        whom whose why will with would you you're your yours
        """,
    )
)


def prompt_text(prompt: Prompt) -> str:
    """Return what the prompt asks: its last user turn (or its last turn, where no user speaks)."""
    asked = [message.content for message in prompt.messages if message.role == "user"]
    return asked[-1] if asked else prompt.messages[-1].content


def words(text: str) -> list[str]:
    """Return the words of a text in lower case; hyphens and apostrophes join, marks are left."""
    return _WORD.findall(text.lower())


def content_stems(text: str) -> list[str]:
    """Return the first five letters of each word that carries meaning (`baking` meets `baked`)."""
    return [word[:5] for word in words(text) if len(word) > 1 and word not in _FUNCTION_WORDS]


def list_lines(text: str) -> int:
    """Count the lines that begin with a bullet or a number."""
    return len(_LIST_LINE.findall(text))


def has_heading(text: str) -> bool:
    """Tell whether a line is a Markdown heading or one bold title."""
    return _HEADING_LINE.search(text) is not None


def ends_complete(text: str) -> bool:
    """Tell whether the text ends as a sentence does; quotes or brackets may follow the mark."""
    return _COMPLETE_END.search(text) is not None
