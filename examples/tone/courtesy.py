"""A taste written down: what a courteous answer has, for a labeller that is only simulated."""

COURTESIES = (
    "thank", "please", "sorry", "apolog", "help", "happy", "glad", "let me know", "of course",
    "sure", "feel free", "welcome",
)  # fmt: skip
ENOUGH = 4
MAX_WORDS = 60


def score(prompt: str, completion: str) -> float:
    """From 0 to 1: a quarter for each courtesy up to four; what is beyond 60 words costs."""
    text = completion.lower()
    found = sum(phrase in text for phrase in COURTESIES)
    too_long = max(0, len(text.split()) - MAX_WORDS) / MAX_WORDS
    return max(0.0, min(found, ENOUGH) / ENOUGH - too_long)
