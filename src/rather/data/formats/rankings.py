"""Rows that rank K answers: {"prompt", "completions": [...], "ranks": [...]}; 1 is best."""

from typing import Any

from rather.data.collected import BadField
from rather.data.conversations import answer_of, prompt_of
from rather.data.formats.draft import Draft, imported_completion, labeller_of
from rather.feedback.ranking import Ranking


def read(values: dict[str, Any]) -> Draft:
    """The prompt of a row, its answers and their ranks."""
    messages, is_text = prompt_of(values)
    answers = values.get("completions")
    if not isinstance(answers, list) or len(answers) < 2:
        raise BadField("completions", "must be a list of two answers or more")
    texts = [answer_of(answer, f"completions[{i}]") for i, answer in enumerate(answers)]
    if len(set(texts)) < len(texts):
        raise BadField("completions", "holds identical answers")
    ranks = values.get("ranks")
    if not isinstance(ranks, list) or len(ranks) != len(texts):
        raise BadField("ranks", "must be a list with one rank for each completion")
    if not all(type(rank) is int and rank >= 1 for rank in ranks):
        raise BadField("ranks", "must hold whole numbers from 1, which is best")
    completions = tuple(imported_completion(messages, text) for text in texts)
    ranking = Ranking(tuple(completion.id for completion in completions), tuple(ranks))
    return Draft(messages, is_text, completions, ((labeller_of(values), ranking),))
