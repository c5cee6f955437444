"""Drafts: one a labeller and item, the newest."""

from rather.records import Labeller
from rather.store import drafts, labellers
from rather.store.database import Database


def test_the_newest_is_kept_until_it_is_removed(ready: Database) -> None:
    labellers.add(ready, [Labeller("bob", "Bob", False)])
    ready.write(lambda c: drafts.put(c, "ann", "pair:a-b", {"text": "On", "comment": ""}, "1"))
    ready.write(lambda c: drafts.put(c, "ann", "pair:a-b", {"text": "One", "comment": ""}, "2"))
    ready.write(lambda c: drafts.put(c, "bob", "pair:a-b", {"text": "Two", "comment": ""}, "2"))
    asked = ["pair:a-b", "pair:a-c"]
    assert drafts.of(ready, "ann", asked) == {"pair:a-b": {"text": "One", "comment": ""}}
    ready.write(lambda c: drafts.remove(c, "ann", "pair:a-b"))
    assert drafts.of(ready, "ann", asked) == {}
    assert drafts.of(ready, "bob", asked) == {"pair:a-b": {"text": "Two", "comment": ""}}
