"""Gold scores: functions that stand in for a person's taste, so that a loop can be checked.

A gold score drives simulated labellers and tells afterwards whether tuning helped. It is never
reported as human preference.
"""

import hashlib
import importlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from rather.config.stages import Rules
from rather.errors import EnvironmentFault, UsageError
from rather.feedback.concision import concision
from rather.feedback.judge import plain_reader
from rather.feedback.rules import describe, rules_score
from rather.feedback.words import prompt_text
from rather.records import Prompt

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

Score = Callable[[Prompt, str], float]
BUILT_IN = ("concision", "plain_reader", "rules", "vader")


@dataclass(frozen=True)
class Gold:
    """A named score of one completion; the same inputs always give the same number."""

    name: str
    description: str
    """The criterion in words, for guidelines and the report."""
    score: Score
    neutral: float = 0.5
    """The score at which a thumb turns from down to up."""


def resolve(name: str, rules: Rules | None = None) -> Gold:
    """Return the gold score of a built-in name or `module:function`; else raise UsageError."""
    if ":" in name:
        return _function_gold(name, load_function(name))
    match name:
        case "concision":
            return Gold(name, "Answers the question in one or two complete sentences.", concision)
        case "plain_reader":
            described = "A plain reader gets a complete answer in a few seconds of reading."
            return Gold(name, described, plain_reader)
        case "vader":
            return Gold(name, "Sounds positive and friendly (VADER sentiment).", vader, neutral=0.0)
        case "rules":
            asked = rules if rules is not None else Rules()
            return Gold(name, describe(asked), rules_score(asked), neutral=0.99)
    raise UsageError(_unknown(name))


def fingerprint(name: str, rules: Rules) -> str:
    """What decides a gold score beside its name: the rules, or the text of a function's module."""
    if ":" not in name:
        return rules.model_dump_json() if name == "rules" else ""
    load_function(name)  # says in a sentence what is wrong with it
    source = sys.modules[name.partition(":")[0]].__file__
    return hashlib.sha256(Path(source).read_bytes()).hexdigest() if source else ""


def vader(prompt: Prompt, completion: str) -> float:
    """Return VADER's compound sentiment of the completion, from -1 to 1."""
    return float(_analyzer().polarity_scores(completion)["compound"])


@lru_cache(maxsize=1)
def _analyzer() -> "SentimentIntensityAnalyzer":
    # Lazy: reading the lexicon takes a tenth of a second that other gold scores need not pay.
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError as error:
        raise EnvironmentFault(
            "The gold score `vader` needs a package that is missing: pip install vaderSentiment."
        ) from error
    return SentimentIntensityAnalyzer()


def _unknown(name: str) -> str:
    near = get_close_matches(name, BUILT_IN, n=1, cutoff=0.4)
    hint = f"did you mean `{near[0]}`" if near else f"use one of {', '.join(BUILT_IN)}"
    end = "?" if near else "."
    return f"There is no gold score `{name}`: {hint}, or your own function as module:function{end}"


def _function_gold(name: str, function: Callable[..., object]) -> Gold:
    def score(prompt: Prompt, completion: str) -> float:
        try:
            value = function(prompt_text(prompt), completion)
        except Exception as error:
            raise UsageError(
                f"The gold score `{name}` raised {type(error).__name__} ({error}) on prompt "
                f"{prompt.id}: mend the function."
            ) from error
        if not isinstance(value, Real) or not math.isfinite(value):
            raise UsageError(
                f"The gold score `{name}` returned {value!r} on prompt {prompt.id}: it must "
                "return a finite number."
            )
        return float(value)

    first_line = (function.__doc__ or "").strip().splitlines()[:1]
    said = f": {first_line[0]}" if first_line else "."
    return Gold(name, f"The function {name}{said}", score)


def load_function(name: str) -> Callable[..., object]:
    """The user's function named module:function, from the current folder or installed."""
    module_name, _, function_name = name.partition(":")
    folder = str(Path.cwd())
    # A function beside the workspace must be found, as `python -m` would find it.
    if folder not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The gold score `{name}` needs the module `{error.name}`, which is neither in the "
            "current folder nor installed."
        ) from error
    except Exception as error:
        raise UsageError(
            f"The gold score `{name}` cannot be used: importing `{module_name}` raised "
            f"{type(error).__name__} ({error})."
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise UsageError(
            f"The gold score `{name}` cannot be used: `{module_name}` has no function "
            f"`{function_name}`."
        )
    return function
