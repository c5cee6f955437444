"""The five kinds of feedback by name; adding one is one file and one line here."""

from rather.feedback import correction, demonstration, pair, ranking, thumb
from rather.feedback.answer import Answer
from rather.feedback.correction import Correction
from rather.feedback.demonstration import Demonstration
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.feedback.thumb import Thumb
from rather.records import Judgment, Kind, StageName

KINDS: dict[Kind, type[Answer]] = {
    "pair": Pair,
    "ranking": Ranking,
    "demonstration": Demonstration,
    "correction": Correction,
    "thumb": Thumb,
}

LEARNERS: dict[Kind, tuple[StageName, ...]] = {
    "pair": pair.LEARNERS,
    "ranking": ranking.LEARNERS,
    "demonstration": demonstration.LEARNERS,
    "correction": correction.LEARNERS,
    "thumb": thumb.LEARNERS,
}
"""Which stages can learn from each kind."""


def answer_of(judgment: Judgment) -> Answer:
    """What a judgment says, as the record of its kind; DataError where it says it wrongly."""
    return KINDS[judgment.kind].from_answer(judgment.answer)
