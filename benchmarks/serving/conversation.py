"""A chat of several turns, each longer by what was said before."""

from benchmarks.serving.clients import TOPICS, Asked, at_once

TURNS = 6
MAX_TOKENS = 64
QUESTION = (
    "Tell me a story about {topic} that ends well, number {number}. Say where it is set, who is in "
    "it, what goes wrong, and how they find out in the end what had been the matter all along."
)
NEXT = "Go on with the story, and tell me what happened after that, in the same tone as before."


def first_tokens(url: str, number: int) -> list[float]:
    """Seconds to each turn's first token, of a chat that is none of the others."""
    said: list[tuple[str, str]] = []
    text = QUESTION.format(topic=TOPICS[number % len(TOPICS)], number=number)
    found = []
    for _ in range(TURNS):
        asked = Asked("base", text, MAX_TOKENS, 0.0, None, tuple(said))
        _, (answer,) = at_once(url, [asked])
        found.append(answer.first_s)
        said += [("user", text), ("assistant", answer.text)]
        text = NEXT
    return found
