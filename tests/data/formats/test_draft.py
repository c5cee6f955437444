"""What rows have in common."""

import pytest

from rather.data.collected import BadField
from rather.data.formats.draft import imported_completion, labeller_of, require_different
from rather.records import Message


def test_an_imported_completion_says_that_it_is() -> None:
    completion = imported_completion((Message("user", "Why?"),), "So.")
    assert (completion.model, completion.finish_reason) == ("imported", "imported")
    assert completion == imported_completion((Message("user", "Why?"),), "So.")
    assert completion.id != imported_completion((Message("user", "Why?"),), "So.", "m1").id


def test_labellers_are_named_or_nameless() -> None:
    assert labeller_of({"annotator": "w1"}) == "w1"
    assert labeller_of({"annotator": ""}) == "imported"
    with pytest.raises(BadField, match="judge must be a text"):
        labeller_of({"judge": 3})


def test_equal_answers_cannot_be_compared() -> None:
    require_different("a", "b", "rejected")
    with pytest.raises(BadField, match="rejected is identical"):
        require_different("a", "a", "rejected")
