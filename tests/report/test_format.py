"""Numbers as the page writes them."""

from rather.report.evaluated import Rate
from rather.report.format import count, fixed, flat, interval, percent


def test_numbers() -> None:
    assert percent(0.824) == "82\u00a0%"
    assert percent(None) == "–"
    assert percent(float("nan")) == "–"
    assert interval(Rate(0.8, 0.714, 0.9)) == "71–90\u00a0%"
    assert fixed(-1.234) == "\u22121.23"
    assert fixed(3.14159, 1) == "3.1"
    assert fixed(float("inf")) == "–"
    assert count(12345) == "12\u202f345"


def test_nested_settings_become_dotted_rows() -> None:
    config = {"seed": 0, "ppo": {"clip_range": 0.2, "target_kl": None}, "models": ("a", "b")}
    assert flat(config) == [
        ("seed", "0"),
        ("ppo.clip_range", "0.2"),
        ("ppo.target_kl", "null"),
        ("models", "a, b"),
    ]
    assert flat({"on": True, "none": ()}) == [("on", "true"), ("none", "none")]
