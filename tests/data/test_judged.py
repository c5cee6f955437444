"""Opinions on a prompt gather in one row, and still mean what they meant."""

from rather.data.batch import Row
from rather.data.judged import MAX_COMPLETIONS, Judged, Opinion, Text, gather
from rather.records import Comparison, Message, Prompt

WHY = Prompt("p_why", (Message("user", "Why?"),), "train")
HOW = Prompt("p_how", (Message("user", "How?"),), "train")


class Encoder:
    """Remembers the texts of each row; a completion becomes as many tokens as it has letters."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, tuple[Text, ...]]] = []

    def __call__(self, prompt: Prompt, texts: tuple[Text, ...]) -> Row:
        self.seen.append((prompt.id, texts))
        return Row((1,), tuple((2,) * len(text) for text, _ in texts))


def test_opinions_on_a_prompt_share_its_row() -> None:
    encoder = Encoder()
    found = gather(
        [
            Comparison(WHY, ("a", "bb"), (1, 2), strength=3),
            Comparison(HOW, ("x", "y"), (2, 1)),
            Comparison(WHY, ("bb", "ccc", "a"), (1, 1, 2)),
        ],
        encoder,
    )
    assert encoder.seen == [
        ("p_why", (("a", False), ("bb", False), ("ccc", False))),
        ("p_how", (("x", False), ("y", False))),
    ]
    assert found[0].opinions == (Opinion((0, 1), (1, 2), 3), Opinion((1, 2, 0), (1, 1, 2)))
    # a ≻ bb; then bb ≻ a and ccc ≻ a
    assert found[0].pairs == [(0, 1), (1, 0), (2, 0)]
    assert found[1].pairs == [(1, 0)]


def test_a_cut_off_text_is_another_completion_than_the_finished_one() -> None:
    encoder = Encoder()
    gather(
        [
            Comparison(WHY, ("a", "b"), (1, 2), is_cut_off=(False, True)),
            Comparison(WHY, ("a", "b"), (1, 2)),
        ],
        encoder,
    )
    assert encoder.seen == [("p_why", (("a", False), ("b", True), ("b", False)))]


def test_a_row_takes_eight_completions_and_the_next_one_opens_another() -> None:
    assert MAX_COMPLETIONS == 8
    encoder = Encoder()
    chain = [Comparison(WHY, (str(n), str(n + 1)), (1, 2)) for n in range(9)]
    found = gather(chain, encoder)
    assert [[text for text, _ in texts] for _, texts in encoder.seen] == [
        ["0", "1", "2", "3", "4", "5", "6", "7"],
        ["7", "8", "9"],
    ]
    assert [len(judged.opinions) for judged in found] == [7, 2]
    assert found[1].pairs == [(0, 1), (1, 2)]


def test_pairs_of_a_ranking_leave_ties_out() -> None:
    opinion = Opinion((4, 5, 6), (2, 1, 2))
    assert opinion.pairs == [(5, 4), (5, 6)]
    assert not opinion.is_tied_pair


def test_a_tied_pair() -> None:
    assert Opinion((0, 1), (1, 1)).is_tied_pair
    assert Opinion((0, 1), (1, 1)).pairs == []
    assert not Opinion((0, 1), (1, 2)).is_tied_pair
    assert not Opinion((0, 1, 2), (1, 1, 1)).is_tied_pair


def test_no_opinion_no_pair() -> None:
    assert Judged(Row((1,), ((2,),)), ()).pairs == []
    assert gather([], Encoder()) == []
