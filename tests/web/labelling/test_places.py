"""Who has an item, and when nobody is asked it."""

from rather.records import Remark, RemarkKind
from rather.web.labelling.places import Places, weigh


def said(id: str, what: RemarkKind, who: str, supersedes: str | None = None) -> Remark:
    return Remark(id, what, "item", who, "", "", "2026", id, supersedes)


def test_judges_and_live_leases_take_places() -> None:
    places = Places({"ann"}, {"bob": "2026-01-02", "cat": "2026-01-04"})
    assert places.taken("2026-01-01") == {"ann", "bob", "cat"}
    assert places.taken("2026-01-02") == {"ann", "cat"}


def test_flags_of_enough_people_hide() -> None:
    events = [said("1", "flag", "ann"), said("2", "flag", "ann"), said("3", "skip", "bob")]
    assert weigh(events, 2) == ({"ann", "bob"}, False)
    events.append(said("4", "flag", "cat"))
    assert weigh(events, 2) == ({"ann", "bob", "cat"}, True)
    events.append(said("5", "withdrawal", "cat", "4"))
    assert weigh(events, 2) == ({"ann", "bob"}, False)


def test_flags_count_from_a_restore_on() -> None:
    events = [said("1", "flag", "ann"), said("2", "flag", "bob"), said("3", "restore", "eve")]
    assert weigh(events, 2)[1] is False
    events.append(said("4", "flag", "cat"))
    assert weigh(events, 2)[1] is False
    events.append(said("5", "flag", "dan"))
    assert weigh(events, 2)[1] is True


def test_what_is_retired_stays_so_until_it_is_restored() -> None:
    events = [said("1", "retire", "eve")]
    assert weigh(events, 2) == (set(), True)
    assert weigh([*events, said("2", "restore", "eve")], 2) == (set(), False)
