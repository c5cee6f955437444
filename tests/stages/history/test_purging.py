"""What was served goes when its days are over, or somebody asks; first it is only said."""

import time

import pytest

from rather.errors import UsageError
from rather.stages.history.purging import purge
from rather.store.use import reactions, served
from rather.store.use.served import moment
from rather.workspace import Workspace
from tests.store.use.test_reactions import said
from tests.store.use.test_served import given

DAY = 86_400


@pytest.fixture
def used(ws: Workspace) -> Workspace:
    """An answer of last year, one of yesterday, and what two clients said."""
    fresh = moment(time.time() - DAY)
    served.add(ws.db, [given("old"), given("new", created_at=fresh, client="use_2", model="base")])
    for one in (said("r1"), said("r2", client="use_2", idempotency_key="use_2:k")):
        reactions.record(ws.db, one, None)
    return ws


def test_without_yes_nothing_is_deleted(used: Workspace) -> None:
    found = purge(used, None, everything=False, does_it=False)
    assert found["served"] == {"ppo-1": 1}
    assert found["summary"].startswith("would delete 1 served answers. Nothing was changed")
    assert served.count(used.db) == {"ppo-1": 1, "base": 1}


def test_what_is_past_its_days(used: Workspace) -> None:
    found = purge(used, None, everything=False, does_it=True)
    assert found["summary"].startswith("deleted 1 served answers for good")
    assert served.count(used.db) == {"base": 1}
    longer = used.configured({"serve": {"keep_days": 1}})
    time.sleep(0.01)
    assert purge(longer, None, everything=False, does_it=False)["served"] == {"base": 1}
    assert len(reactions.all(used.db)) == 2  # they hold no texts, and count on


def test_a_clients(used: Workspace) -> None:
    found = purge(used, "use_2", everything=False, does_it=True)
    assert (found["served"], found["reactions"]) == ({"base": 1}, 1)
    assert served.count(used.db) == {"ppo-1": 1}
    assert [one.client for one in reactions.all(used.db)] == ["use_1"]


def test_everything(used: Workspace) -> None:
    assert purge(used, None, everything=True, does_it=True)["served"] == {"ppo-1": 1, "base": 1}
    assert served.count(used.db) == {}


def test_one_of_both(used: Workspace) -> None:
    with pytest.raises(UsageError, match="not both"):
        purge(used, "use_2", everything=True, does_it=False)
