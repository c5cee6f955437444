"""One settlement an item; the later supersedes the former, whoever gave it."""

from rather.feedback.events import Circumstances, new_judgment
from rather.feedback.pair import Pair
from rather.feedback.thumb import Thumb
from rather.records import Judgment, Labeller
from rather.store import judgments, labellers, resolutions
from rather.store.database import Database

ANN, BOB = Labeller("ann", "Ann", False), Labeller("bob", "Bob", False)


def settled(answer: Pair | Thumb, by: Labeller, key: str) -> Judgment:
    return new_judgment("p1", by, answer, Circumstances(source="resolution", idempotency_key=key))


def test_the_later_supersedes_the_former_of_its_item(ready: Database) -> None:
    labellers.add(ready, [BOB])
    said = judgments.record(ready, new_judgment("p1", ANN, Pair("a", "b", "A")))[0]
    first, _ = resolutions.settle(ready, settled(Pair("a", "b", "A"), ANN, "one"))
    other, _ = resolutions.settle(ready, settled(Pair("a", "c", "A"), ANN, "two"))
    thumb, _ = resolutions.settle(ready, settled(Thumb("a", True), ANN, "three"))
    assert [one.supersedes for one in (first, other, thumb)] == [None, None, None]
    second, _ = resolutions.settle(ready, settled(Pair("b", "a", "A"), BOB, "four"))
    third, _ = resolutions.settle(ready, settled(Pair("a", "b", "tie"), ANN, "five"))
    assert (second.supersedes, third.supersedes) == (first.id, second.id)
    assert judgments.live(ready) == [said, other, thumb, third]


def test_the_same_key_settles_once(ready: Database) -> None:
    first = resolutions.settle(ready, settled(Pair("a", "b", "A"), ANN, "one"))
    again = resolutions.settle(ready, settled(Pair("a", "b", "A"), ANN, "one"))
    assert (first[1], again) == (False, (first[0], True))
    assert len(judgments.all(ready)) == 1
