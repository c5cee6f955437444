"""The rule's half of the reward: it needs no model and cannot be talked round."""

BEST_WORDS = 25


def score(prompt: str, completion: str) -> float:
    """From −1 to 0: 0 for a finished answer of at most 25 words, less for each word beyond."""
    num_words = len(completion.split())
    unfinished = 0.0 if completion.rstrip().endswith((".", "!", "?")) else 0.5
    return -min(1.0, max(0, num_words - BEST_WORDS) / BEST_WORDS + unfinished)
