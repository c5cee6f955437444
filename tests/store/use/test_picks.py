"""In a chat the last word about the same answers counts, and a key means one judgment."""

import pytest

from rather.feedback.pair import Pair
from rather.feedback.ranking import Ranking
from rather.records import Completion, Labeller
from rather.store import judgments
from rather.store.database import Database
from rather.store.use.picks import KeyReused, say

ANN, SIM = Labeller("ann", "Ann", False), Labeller("sim", "Sim", True)
ABOUT = Completion("x", "p1", "So.", "base")


def test_the_last_word_counts(ready: Database) -> None:
    first, replayed = say(ready, ABOUT, ANN, Pair("x", "y", "A"), "k1", "Shorter.")
    assert (first.source, first.comment, first.prompt_id, replayed) == (
        "playground",
        "Shorter.",
        "p1",
        False,
    )
    assert say(ready, ABOUT, ANN, Pair("x", "y", "A"), "k1") == (first, True)
    second, _ = say(ready, ABOUT, ANN, Pair("y", "x", "A"), "k2")
    assert second.supersedes == first.id
    others, _ = say(ready, ABOUT, ANN, Ranking(("x", "y"), (1, 2)), "k3")
    theirs, _ = say(ready, ABOUT, SIM, Pair("x", "y", "A"), "k1")  # another's key is another key
    assert judgments.live(ready) == [second, others, theirs]


def test_a_key_means_one_judgment(ready: Database) -> None:
    say(ready, ABOUT, ANN, Pair("x", "y", "A"), "k1")
    with pytest.raises(KeyReused, match="belongs to another judgment"):
        say(ready, ABOUT, ANN, Pair("x", "y", "B"), "k1")
    assert len(judgments.all(ready)) == 1
