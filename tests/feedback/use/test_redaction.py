"""What is personal is taken out, what only resembles it stays, and no pattern takes for ever."""

import time

import pytest

from rather.feedback.use import redaction
from rather.feedback.use.redaction import BUILT_IN, TooSlow, redact

ALL = tuple(BUILT_IN)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Write to ann.smith+x@mail.example.org!", "Write to [email]!"),
        ("josé@exämple.de", "[email]"),
        # 4111 1111 1111 1111 and 378282246310005 pass Luhn's check
        ("Card 4111 1111 1111 1111.", "Card [card]."),
        ("378282246310005", "[card]"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN [iban]"),
        ("GB82WEST12345698765432", "[iban]"),
        ("Call +49 30 1234567 now", "Call [phone] now"),
        ("(555) 123-4567", "[phone]"),
        ("030 1234567", "[phone]"),
        ("+4915112345678", "[phone]"),
        ("01711234567", "[phone]"),
        ("my key is sk-abcdefghijklmnop1234", "my key is [key]"),
        ("AKIAIOSFODNN7EXAMPLE", "[key]"),
        ("ghp_abcdefghijklmnopqrst", "[key]"),
        ("Authorization: Bearer abcdefghij.klmnopqrst", "Authorization: [key]"),
        ("password = hunter22", "[key]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
            "[key]",
        ),
        ("from 192.168.0.17 and 2001:0db8:0000:0000:0000:0000:0000:0001", "from [ip] and [ip]"),
    ],
)
def test_it_is_taken_out(text: str, redacted: str) -> None:
    assert redact(text, ALL).text == redacted


@pytest.mark.parametrize(
    "text",
    [
        "Born 1987-12-31 or 31.12.1987, π is 3.14159265.",
        "4111 1111 1111 1112 fails the check",  # 16 digits, and no phone number has so many
        "1 000 000 people, 12 345 of them",
        "a @ b, me@localhost",
        "version 1.2.3, section 10.4, 256.1.1.1",
        "password: short",
        "skills-and-more, ask-nothing",
        "for i in range(1000000): print(12345678)",
        "def f(x: int) -> int: return x",
    ],
)
def test_what_only_resembles_it_stays(text: str) -> None:
    assert redact(text, ALL) == redaction.Redacted(text, {})


def test_it_is_counted_by_kind() -> None:
    found = redact("a@b.org c@d.org +4915112345678", ALL)
    assert found.counts == {"email": 2, "phone": 1}
    assert redact("a@b.org +4915112345678", ("phone",)).text == "a@b.org [phone]"


def test_patterns_of_ones_own() -> None:
    found = redact("Ticket ABC-123 and abc-9", (), (r"abc-\d+",))
    assert (found.text, found.counts) == ("Ticket [pattern] and [pattern]", {"pattern": 2})


def test_an_exploding_pattern_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "MAX_SECONDS", 0.05)
    began = time.monotonic()
    with pytest.raises(TooSlow, match="pattern"):
        redact("a" * 40 + "!", (), (r"(a|aa)+(?:b|c)(?<=x)",))
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "piece", ["a", "1", "1 ", "a.", "-", "a@", "+1 ", "sk-", "eyJa.", ":", "(1)", "A1", "token="]
)
def test_long_texts_are_quick(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    redact(text, ALL)  # TooSlow is raised after half a second
