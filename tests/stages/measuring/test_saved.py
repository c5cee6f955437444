"""What is kept is there again, whole."""

from pathlib import Path

from rather.stages.measuring.saved import Saved


def test_kept_values_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kept.json"
    saved = Saved(path)
    assert saved.get("a") is None
    saved.keep({})
    assert not path.exists()
    saved.keep({"a": [1, 2]})
    saved.keep({"b": "zwei – ü"})
    again = Saved(path)
    assert (again.get("a"), again.get("b"), again.get("c")) == ([1, 2], "zwei – ü", None)
