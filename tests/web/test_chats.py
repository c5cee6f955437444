"""What was shown together is remembered under names that tell nothing."""

from pathlib import Path

from rather.store.database import Database
from rather.web.chats import Asked, Chats

ONE = Asked("a" * 26, "ann", "digest", ("c1", "c2"), (0.5, 1.0), True)


def test_an_ask_comes_back_as_it_was(tmp_path: Path) -> None:
    with Database.open(tmp_path / "rather.db", create=True) as db:
        chats = Chats(db, b"secret")
        assert chats.find(ONE.id) is None
        chats.keep(ONE)
        assert Chats(db, b"secret").find(ONE.id) == ONE
        assert chats.look_up("ann", [f"{ONE.id}-7"]) is None
        assert chats.look_up("bob", [ONE.answer_id(0)]) is None
        assert chats.look_up("ann", []) is None


def test_names_follow_from_secret_labeller_and_key(tmp_path: Path) -> None:
    with Database.open(tmp_path / "rather.db", create=True) as db:
        chats, others = Chats(db, b"secret"), Chats(db, b"another")
        name = chats.id_of("ann", "key")
        assert name == chats.id_of("ann", "key")
        assert len({name, chats.id_of("bob", "key"), others.id_of("ann", "key")}) == 3
        assert (len(name), set(name) <= set("0123456789abcdef")) == (26, True)
        assert chats.seed(name, 0) != chats.seed(name, 1)
        assert sorted(chats.shuffled(name, 4)) == [0, 1, 2, 3]
