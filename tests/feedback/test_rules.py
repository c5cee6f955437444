"""The `rules` gold score: the share of the configured rules kept."""

import pytest

from rather.config.stages import Rules
from rather.errors import UsageError
from rather.feedback.rules import describe, rules_score
from rather.records import Message, Prompt

PROMPT = Prompt("p", (Message("user", "Anything?"),), "train")


def test_score_is_the_share_of_rules_kept() -> None:
    score = rules_score(Rules(contains=("Tea", "milk"), excludes=("coffee",), max_words=5))
    # five rules: tea, milk, no coffee, at least 1 word, at most 5 words
    assert score(PROMPT, "tea with MILK") == 1.0
    assert score(PROMPT, "tea") == pytest.approx(0.8)
    assert score(PROMPT, "coffee is what I would like") == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("form", "kept", "broken"),
    [
        ("sentence", "It is so.", "it is so."),
        ("sentence", "It is so.", "- It is so."),
        ("list", "- a\n- b", "a, b"),
        ("json", '{"a": 1}', "{a: 1}"),
        ("question", "Would you? ", "I would."),
    ],
)
def test_formats(form: str, kept: str, broken: str) -> None:
    score = rules_score(Rules.model_validate({"format": form, "min_words": 0}))
    assert score(PROMPT, kept) == 1.0
    assert score(PROMPT, broken) == 0.0


def test_rules_that_ask_for_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="nothing to check"):
        rules_score(Rules())


def test_description_says_each_rule() -> None:
    rules = Rules(contains=("gas",), excludes=("sorry",), min_words=3, max_words=9, format="list")
    assert describe(rules) == (
        "The answer contains “gas”; never says “sorry”; has at least 3 words; "
        "has at most 9 words; is a list."
    )
