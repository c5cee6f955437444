"""The demo's prompts: as many, as short and as different as promised."""

import json
from importlib.resources import files


def test_everyday_prompts() -> None:
    text = (files("rather") / "data" / "prompts" / "everyday.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    assert len(rows) == 320
    assert all(list(row) == ["prompt"] for row in rows)
    prompts = [row["prompt"] for row in rows]
    assert len({prompt.casefold() for prompt in prompts}) == 320
    assert {len(prompt.split()) for prompt in prompts} <= set(range(6, 17))
    assert all(prompt.endswith("?") and "\n" not in prompt for prompt in prompts)
