"""Addresses are shown without what is secret in them."""

import pytest

from rather.config.address import from_environment, is_address, masked


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://ann:secret@host:5432/name", "postgresql://ann:***@host:5432/name"),
        ("postgresql://ann:se:c/r?e@t@host/name", "postgresql://ann:***@host/name"),
        ("postgresql://:secret@host/name", "postgresql://:***@host/name"),
        ("postgresql://ann@host/name", "postgresql://ann@host/name"),
        ("postgresql://host:5432/name", "postgresql://host:5432/name"),
        (
            "postgresql://host/name?user=ann&password=secret&sslmode=require",
            "postgresql://host/name?user=ann&password=***&sslmode=require",
        ),
        ("postgresql://h/n?sslpassword=secret", "postgresql://h/n?sslpassword=***"),
        ("rather.db", "rather.db"),
    ],
)
def test_secrets_are_masked(address: str, shown: str) -> None:
    assert masked(address) == shown
    assert masked(shown) == shown


def test_a_file_is_no_address() -> None:
    assert is_address("postgresql://host/name")
    assert not is_address("folder/rather.db")


def test_the_environment_may_say_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RATHER_DATABASE_URL", raising=False)
    assert from_environment() is None
    monkeypatch.setenv("RATHER_DATABASE_URL", "")
    assert from_environment() is None
    monkeypatch.setenv("RATHER_DATABASE_URL", "postgresql://host/name")
    assert from_environment() == "postgresql://host/name"
