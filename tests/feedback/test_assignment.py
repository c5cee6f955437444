"""Which pair comes next: pure, fair, the same after a reload."""

from rather.feedback.assignment import candidate_pairs, item_id, judged_by, next_pair, side
from rather.records import Completion, Judgment

KEY = b"k" * 32


def completion(id: str, text: str, prompt_id: str = "p1") -> Completion:
    return Completion(id, prompt_id, text, "base")


def test_pairs_stay_within_a_prompt_and_differ() -> None:
    given = [
        completion("a", "One."),
        completion("x", "Other.", "p2"),
        completion("b", "Two."),
        completion("c", "One."),
        completion("d", " "),
        completion("e", "Three."),
    ]
    pairs = [(one.id, other.id) for one, other in candidate_pairs(given)]
    assert pairs == [("a", "b"), ("a", "e"), ("b", "e")]


def test_a_pair_has_one_name() -> None:
    assert item_id("b", "a") == item_id("a", "b") == "a-b"


def test_sides_are_stable_and_balanced() -> None:
    drawn = [side(KEY, f"item-{i}", "ann") for i in range(1000)]
    assert drawn == [side(KEY, f"item-{i}", "ann") for i in range(1000)]
    assert 440 < sum(drawn) < 560
    assert drawn != [side(KEY, f"item-{i}", "bob") for i in range(1000)]
    assert drawn != [side(b"other", f"item-{i}", "ann") for i in range(1000)]


def test_judged_by_takes_pairs_whichever_side_they_were_on() -> None:
    def judgment(left: str, right: str, labeller: str, kind: str = "pair") -> Judgment:
        answer = {"left_completion_id": left, "right_completion_id": right, "choice": "A"}
        return Judgment("01", kind, "p1", labeller, answer, "2026", "k", False)  # type: ignore[arg-type]

    given = [judgment("a", "b", "ann"), judgment("b", "a", "bob"), judgment("a", "b", "x", "thumb")]
    assert judged_by(given) == {"a-b": {"ann", "bob"}}


def test_the_least_judged_pair_comes_first_and_none_twice() -> None:
    pairs = candidate_pairs([completion(id, f"{id}.") for id in "abc"])
    done: dict[str, set[str]] = {"a-b": {"bob"}, "a-c": {"bob", "eve"}}
    asked = []
    while (pair := next_pair(pairs, done, KEY, "ann")) is not None:
        assert next_pair(pairs, done, KEY, "ann") == pair
        item = item_id(pair[0].id, pair[1].id)
        asked.append(item)
        done.setdefault(item, set()).add("ann")
    assert asked == ["b-c", "a-b", "a-c"]


def test_two_labellers_need_not_begin_alike() -> None:
    pairs = candidate_pairs([completion(str(i), f"{i}.") for i in range(20)])
    firsts = {str(next_pair(pairs, {}, KEY, f"labeller-{i}")) for i in range(10)}
    assert len(firsts) > 5
