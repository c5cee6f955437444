"""Shares of what users preferred, counted by hand."""

import math

import pytest

from rather.feedback.use.reactions import approvals, counting, duels
from rather.feedback.use.records import Reaction


def said(
    models: str, ranks: tuple[int, ...], kind: str = "pair", client: str = "c", ids: str = ""
) -> Reaction:
    names = tuple(models.split())
    return Reaction(
        id="r",
        kind=kind,  # type: ignore[arg-type]
        client=client,
        asked="prod",
        served_ids=tuple(ids.split()) or tuple(f"s{n}" for n in range(len(names))),
        models=names,
        ranks=ranks,
        has_consent=False,
        judgment_id=None,
        idempotency_key="k",
        request="d",
        created_at="2026",
    )


def test_wins_of_two_versions_from_either_side() -> None:
    given = [
        said("a b", (1, 2)),
        said("b a", (2, 1)),  # a again, shown on the right
        said("a b", (2, 1)),
        said("a b", (1, 1)),  # a tie: half
        said("b a", (2, 2)),  # both bad
        said("a a", (1, 2)),  # two answers of one version say nothing about it
        said("a", (1,), "thumb"),
    ]
    (one,) = duels(given)
    assert (one.asked, one.first, one.second, one.num_both_bad) == ("prod", "a", "b", 1)
    # 2.5 of 4; Wilson at 95 %: centre (0.625 + 3.8415/8) / (1 + 3.8415/4) = 0.56374,
    # half 1.95996 / 1.96036 * sqrt(0.625 * 0.375 / 4 + 3.8415 / 64) = 0.34437
    assert one.win_rate.value == 0.625
    assert one.win_rate.low == pytest.approx(0.2194, abs=1e-4)
    assert one.win_rate.high == pytest.approx(0.9081, abs=1e-4)
    assert one.win_rate.n == 4


def test_a_ranking_is_every_two_of_it() -> None:
    found = {
        (one.first, one.second): one.win_rate.value
        for one in duels([said("c a b", (1, 2, 3), "ranking")])
    }
    assert found == {("a", "b"): 1.0, ("c", "a"): 1.0, ("c", "b"): 1.0}


def test_thumbs_and_corrections_of_each_version() -> None:
    given = [
        said("a", (1,), "thumb"),
        said("a", (2,), "thumb"),
        said("a", (1,), "thumb"),
        said("a", (), "correction"),
        said("b", (), "correction"),
        said("a b", (1, 2)),
    ]
    first, second = approvals(given)
    assert (first.model, first.num_corrected, first.share.n) == ("a", 1, 3)
    assert first.share.value == pytest.approx(2 / 3)
    assert (second.model, second.num_corrected, second.share.n) == ("b", 1, 0)
    assert math.isnan(second.share.value)


def test_the_last_word_counts() -> None:
    first = said("a b", (1, 2), ids="s1 s2")
    swapped = said("b a", (1, 2), ids="s2 s1")
    other = said("a b", (1, 2), client="d", ids="s1 s2")
    thumb = said("a", (1,), "thumb", ids="s1")
    assert counting([first, other, thumb, swapped]) == [swapped, other, thumb]
