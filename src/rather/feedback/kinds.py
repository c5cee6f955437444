"""The five kinds of feedback by name; adding one is one file and one line here."""

from rather.feedback.answer import Answer
from rather.feedback.correction import Correction
from rather.feedback.demonstration import Demonstration
from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.feedback.thumb import Thumb
from rather.records import Judgment, Kind

KINDS: dict[Kind, type[Answer]] = {
    "pair": Pair,
    "ranking": Ranking,
    "demonstration": Demonstration,
    "correction": Correction,
    "thumb": Thumb,
}


def answer_of(judgment: Judgment) -> Answer:
    """What a judgment says, as the record of its kind; DataError where it says it wrongly."""
    return KINDS[judgment.kind].from_answer(judgment.answer)
