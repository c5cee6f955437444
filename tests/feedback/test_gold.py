"""Gold scores by name, and what a user is told when a name or a function does not work."""

from pathlib import Path

import pytest

from rather.config.stages import Rules
from rather.errors import UsageError
from rather.feedback.gold import fingerprint, resolve
from rather.records import Message, Prompt

PROMPT = Prompt("p7", (Message("user", "How are you?"),), "train")


def test_vader_is_its_compound_score() -> None:
    vader = resolve("vader")
    assert vader.score(PROMPT, "I love it.") == pytest.approx(0.6369)
    assert vader.score(PROMPT, "It is a table.") == 0.0
    assert vader.neutral == 0.0


def test_built_in_names_resolve() -> None:
    assert resolve("concision").score(PROMPT, "") == 0.0
    assert resolve("plain_reader").name == "plain_reader"
    assert resolve("rules", Rules(max_words=2)).score(PROMPT, "one two three") == 0.5


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="`concison`: did you mean `concision`"):
        resolve("concison")
    with pytest.raises(UsageError, match="use one of concision, plain_reader, rules, vader"):
        resolve("zzz")


def test_a_function_of_the_current_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "def length(prompt, completion):\n"
        '    """Longer is better.\n\n    Really."""\n'
        "    return len(prompt) + len(completion)\n"
    )
    (tmp_path / "gold_of_folder.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("unused")
    gold = resolve("gold_of_folder:length")
    assert gold.score(PROMPT, "abc") == 15.0  # "How are you?" has 12 letters
    assert gold.description == "The function gold_of_folder:length: Longer is better."


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module_here:score", "neither in the current folder nor installed"),
        ("json:no_such", "`json` has no function `no_such`"),
        (":score", "importing `` raised ValueError"),
    ],
)
def test_functions_that_cannot_be_used(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve(name)


def test_a_function_that_misbehaves_is_named_with_the_prompt() -> None:
    with pytest.raises(UsageError, match=r"`math:hypot` raised TypeError .* on prompt p7"):
        resolve("math:hypot").score(PROMPT, "x")
    with pytest.raises(UsageError, match=r"`os.path:join` returned 'How are you\?/x' on prompt"):
        resolve("os.path:join").score(PROMPT, "x")


def test_what_decides_a_score_beside_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fingerprint("vader", Rules(max_words=2)) == ""
    assert fingerprint("rules", Rules(max_words=2)) != fingerprint("rules", Rules(max_words=3))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "gold_that_changes.py").write_text("score = len\n")
    # printf 'score = len\n' | sha256sum
    found = fingerprint("gold_that_changes:score", Rules())
    assert found[:10] == "153ed5ee73"
    (tmp_path / "gold_that_changes.py").write_text("score = max\n")
    assert fingerprint("gold_that_changes:score", Rules()) != found
    with pytest.raises(UsageError, match="needs the module `nowhere`"):
        fingerprint("nowhere:score", Rules())
