"""The frontier's table and figure, and its page as published."""

import json
from pathlib import Path
from typing import Any

from frontier_page import PAGE, RESULTS, draw, summaries, table


def point(method: str, setting: float | None, seed: int, kl: float, gold: float) -> dict[str, Any]:
    one = {"method": method, "setting": setting, "seed": seed, "kl": kl, "gold": gold}
    rest = {"mean_length": 20.0, "eos_rate": 0.25, "base_perplexity": 5.0, "stopped": ""}
    return {**one, **rest}


POINTS = [
    point("ppo", 0.02, 0, 4.0, 0.8),
    point("ppo", 0.2, 0, 1.0, 0.5),
    {**point("ppo", 0.02, 1, 5.0, 0.7), "stopped": "Stopped: enough."},
    point("ppo", 0.2, 1, 1.5, 0.6),
    {**point("best-of-n", 2, 0, 0.193, 0.4), "base_perplexity": None},
    point("base", None, 0, 0.0, 0.3),
    point("base", None, 1, 0.0, 0.2),
]


def test_the_table() -> None:
    assert table(POINTS).splitlines() == [
        "| policy | KL (nats) | gold score | tokens | stops by itself | base perplexity |",
        "|---|---|---|---|---|---|",
        "| base | 0.00 | 0.25 [0.20, 0.30] | 20.0 | 0.25 | 5.0 |",
        "| best of 2 | 0.19 | 0.40 | 20.0 | 0.25 | – |",
        "| PPO, λ = 0.2 | 1.25 [1.00, 1.50] | 0.55 [0.50, 0.60] | 20.0 | 0.25 | 5.0 |",
        "| PPO, λ = 0.02 (a rule stopped 1 of 2) | 4.50 [4.00, 5.00] | 0.75 [0.70, 0.80] "
        "| 20.0 | 0.25 | 5.0 |",
    ]
    assert [row["seeds"] for row in summaries(POINTS)] == [2, 1, 2, 2]


def test_the_figure_is_the_same_each_time(tmp_path: Path) -> None:
    line = [{"kl": 0.0, "gold": 0.25}, {"kl": 1.0, "gold": 0.7}]
    path = {"seed": 0, "setting": 0.2, "kl": [0.0, 1.0], "gold": [0.2, 0.5]}
    result = {"points": POINTS, "paths": [path], "optimum": [line]}
    for name in ("first.svg", "second.svg"):
        draw(result, tmp_path / name)
    text = (tmp_path / "first.svg").read_text("utf-8")
    assert text == (tmp_path / "second.svg").read_text("utf-8")
    # matplotlib keeps what it draws as a comment
    assert "PPO, λ = 0.02" in text
    assert "<!-- λ = 0.2 -->" in text


def test_the_page_shows_the_results() -> None:
    result = json.loads(RESULTS.read_text("utf-8"))
    assert table(result["points"]) in PAGE.read_text("utf-8")
    methods = {one["method"] for one in result["points"]}
    assert methods == {"base", "best-of-n", "dpo", "ppo"}
    assert len({one["seed"] for one in result["points"]}) >= 2
