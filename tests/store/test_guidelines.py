"""Guidelines: every text once, in the order they came into force."""

from rather.store import guidelines
from rather.store.database import Database


def test_a_text_is_kept_once(db: Database) -> None:
    guidelines.keep(db, "h1", "Be kind.", "2026-01-01")
    guidelines.keep(db, "h0", "Be brief.", "2026-01-02")
    guidelines.keep(db, "h1", "Be kind.", "2026-01-03")
    assert list(guidelines.all(db).items()) == [("h1", "Be kind."), ("h0", "Be brief.")]
