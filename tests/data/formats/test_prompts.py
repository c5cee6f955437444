"""A row that only asks."""

from rather.data.formats import prompts
from rather.records import Message


def test_a_prompt_has_neither_completions_nor_verdicts() -> None:
    draft = prompts.read({"turns": ["Why?", "And how?"], "category": "x"})
    assert draft.messages == (Message("user", "Why?"),)
    assert (draft.is_text, draft.completions, draft.verdicts) == (True, (), ())
