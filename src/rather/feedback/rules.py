"""`rules`: a verifiable gold score, the share of the configured rules that a completion keeps."""

import json
from collections.abc import Callable

from rather.config.stages import Rules
from rather.errors import UsageError
from rather.feedback.words import ends_complete, has_heading, list_lines, words
from rather.records import Prompt

Check = Callable[[str], bool]


def rules_score(rules: Rules) -> Callable[[Prompt, str], float]:
    """Return the score of these rules; raises UsageError when they ask for nothing."""
    if rules == Rules():
        raise UsageError(
            "The gold score `rules` has nothing to check: set contains, excludes, max_words, "
            "min_words or format under `rules:` in the configuration."
        )
    checks = [*_text_checks(rules), *_length_checks(rules), *_format_checks(rules)]

    def score(prompt: Prompt, completion: str) -> float:
        return sum(check(completion) for check in checks) / len(checks)

    return score


def describe(rules: Rules) -> str:
    """Say the rules in words, for guidelines and the report."""
    said = [f"contains “{text}”" for text in rules.contains]
    said += [f"never says “{text}”" for text in rules.excludes]
    if rules.min_words > 1:
        said.append(f"has at least {rules.min_words} words")
    if rules.max_words is not None:
        said.append(f"has at most {rules.max_words} words")
    if rules.format != "any":
        said.append(_FORMAT_WORDS[rules.format])
    return "The answer " + ("; ".join(said) or "is not empty") + "."


def _text_checks(rules: Rules) -> list[Check]:
    return [_mentions(text, wanted=True) for text in rules.contains] + [
        _mentions(text, wanted=False) for text in rules.excludes
    ]


def _mentions(text: str, wanted: bool) -> Check:
    folded = text.casefold()
    return lambda said: (folded in said.casefold()) is wanted


def _length_checks(rules: Rules) -> list[Check]:
    checks: list[Check] = []
    if rules.min_words > 0:
        checks.append(lambda said: len(words(said)) >= rules.min_words)
    if rules.max_words is not None:
        most = rules.max_words
        checks.append(lambda said: len(words(said)) <= most)
    return checks


def _format_checks(rules: Rules) -> list[Check]:
    return [_FORMATS[rules.format]] if rules.format != "any" else []


def _is_sentence(text: str) -> bool:
    first = text.lstrip("\"'“‘([ \n\t")[:1]
    is_listing = list_lines(text) > 0 or has_heading(text)
    return bool(first) and not first.islower() and ends_complete(text) and not is_listing


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


_FORMATS: dict[str, Check] = {
    "sentence": _is_sentence,
    "list": lambda text: list_lines(text) >= 2,
    "json": _is_json,
    "question": lambda text: text.rstrip().endswith("?"),
}
_FORMAT_WORDS = {
    "sentence": "is made of complete sentences",
    "list": "is a list",
    "json": "is valid JSON",
    "question": "ends by asking a question",
}
