"""Which prompts' answers are shown side by side: by rule, and by no one's taste."""

import hashlib
from collections.abc import Sequence

GAIN, LOSS, DRAWN = "largest gain", "largest loss", "drawn at random"


def chosen_samples(
    prompt_ids: Sequence[str], gains: Sequence[float], number: int
) -> list[tuple[int, str]]:
    """(place, rule) of so many prompts: a third where the score gains most over the baseline, a
    third where it loses most, and the rest drawn by the prompts' ids.

    A place is shown once; a gain is above 0 and a loss below. Without gains all are drawn.
    """
    third = number // 3
    by_gain = sorted(range(len(gains)), key=lambda place: (-gains[place], place))
    chosen = [(place, GAIN) for place in by_gain[:third] if gains[place] > 0]
    chosen += [(place, LOSS) for place in by_gain[::-1][:third] if gains[place] < 0]
    taken = {place for place, _ in chosen}
    drawn = sorted(range(len(prompt_ids)), key=lambda place: _draw(prompt_ids[place]))
    rest = [(place, DRAWN) for place in drawn if place not in taken]
    return [*chosen, *rest[: max(0, number - len(chosen))]]


def _draw(prompt_id: str) -> str:
    return hashlib.sha256(f"sample:{prompt_id}".encode()).hexdigest()
