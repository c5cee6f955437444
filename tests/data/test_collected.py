"""A rejected row says where it stands."""

from rather.data.collected import Rejected


def test_file_line_field_reason() -> None:
    assert str(Rejected("a.jsonl", 3, "chosen", "is empty")) == "a.jsonl:3: chosen is empty"
    assert str(Rejected("a.jsonl", 3, "", "is no JSON")) == "a.jsonl:3: is no JSON"
