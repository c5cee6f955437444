"""What is kept of use by default, and settings that do not fit together."""

import pytest

from rather.config.loading import load
from rather.config.serving import Serving
from rather.config.use import AB, Use
from rather.errors import UsageError


def test_texts_stay_with_the_users_unless_somebody_decides_otherwise() -> None:
    assert (Use().keep, Use().keep_days, Serving().ab.share) == ("metadata", 30, 0.0)


def test_a_share_needs_somebody_to_answer_it() -> None:
    assert AB(share=0.2, model="ppo-2").alias == "prod"
    with pytest.raises(UsageError, match=r"ab\.share needs ab\.model"):
        load(None, {"serve.ab.share": 0.2})


def test_a_bad_pattern_is_refused_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"serve\.redact_patterns.* is no regular expression"):
        load(None, {"serve.redact_patterns": ["("]})
