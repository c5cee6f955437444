"""Samples are chosen by rule, each once."""

from rather.evaluation.samples import DRAWN, GAIN, LOSS, chosen_samples

IDS = [f"p{n}" for n in range(8)]


def test_gains_losses_and_a_draw() -> None:
    gains = [0.0, 5.0, -1.0, 2.0, -4.0, 0.0, 1.0, 0.0]
    found = chosen_samples(IDS, gains, 6)
    assert found[:4] == [(1, GAIN), (3, GAIN), (4, LOSS), (2, LOSS)]
    assert [rule for _, rule in found[4:]] == [DRAWN, DRAWN]
    assert len({place for place, _ in found}) == 6
    assert chosen_samples(IDS, gains, 6) == found


def test_what_gained_nothing_is_no_gain() -> None:
    found = chosen_samples(IDS, [0.0] * 8, 6)
    assert {rule for _, rule in found} == {DRAWN}
    only_losses = chosen_samples(IDS, [-1.0] * 8, 3)
    assert [rule for _, rule in only_losses].count(LOSS) == 1
    assert GAIN not in [rule for _, rule in only_losses]


def test_the_draw_is_by_prompt_not_by_place() -> None:
    drawn = {IDS[place] for place, _ in chosen_samples(IDS, [], 3)}
    again = {IDS[::-1][place] for place, _ in chosen_samples(IDS[::-1], [], 3)}
    assert drawn == again


def test_no_more_than_there_are() -> None:
    assert len(chosen_samples(IDS[:2], [1.0, -1.0], 9)) == 2
    assert chosen_samples([], [], 4) == []
    assert chosen_samples(IDS, [1.0] * 8, 0) == []
