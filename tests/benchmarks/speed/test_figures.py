"""The figures of growth: readable without colour, and told as a table too."""

from typing import Any

from benchmarks.speed import figures


def point(size: int, tokens: int, seconds: list[float], gb: float) -> dict[str, Any]:
    steps = [{"cpu_seconds": one, "peak_rss_bytes": gb * 1e9} for one in seconds]
    return {"size": size, "tokens": tokens, "repeats": steps}


CURVES = {
    "reward by batch": [point(8, 800, [2.0, 4.0, 3.0], 1.0), point(16, 1600, [4.0], 1.2)],
    "dpo by batch": [point(8, 800, [8.0], 1.5), point(16, 1600, [16.0], 1.7)],
    "serving adapters": [point(1, 10, [1.0], 0.9), point(100, 10, [1.0], 1.1)],
}
HERE = {
    "machine": {"processor": "a slow one"},
    "measured_at": "2026-11-30T02:17:16+00:00",
    "revision": "abc1234",
}
LINEAR = {name: {"points": points, **HERE} for name, points in CURVES.items()}
LINEAR["serving adapters"]["machine"] = {"processor": "a fast one"}


def test_the_table() -> None:
    # 800 / 3 and 1600 / 4; adapters have no speed
    assert figures.growth(LINEAR).splitlines() == [
        "| curve | size: tokens per CPU-second, peak RSS |",
        "|---|---|",
        "| reward by batch | 8: 267, 1.00 GB · 16: 400, 1.20 GB |",
        "| dpo by batch | 8: 100, 1.50 GB · 16: 100, 1.70 GB |",
        "| serving adapters | 1: 0.90 GB · 100: 1.10 GB |",
        "",
        "Measured: reward by batch, dpo by batch on a slow one, 2026-11-30 at revision abc1234; "
        "serving adapters on a fast one, 2026-11-30 at revision abc1234.",
        "",
        "![speed by batch](images/speed-by-batch.svg)",
        "![memory by batch](images/memory-by-batch.svg)",
        "![memory by adapters](images/memory-by-adapters.svg)",
    ]
    assert figures.growth({}) == ""


def test_the_figures() -> None:
    drawn = figures.draw_all(LINEAR)
    assert list(drawn) == ["speed-by-batch.svg", "memory-by-batch.svg", "memory-by-adapters.svg"]
    assert drawn == figures.draw_all(LINEAR)
    speed = drawn["speed-by-batch.svg"]
    assert speed.startswith("<svg") and "background: #ffffff" in speed
    assert "reward model" in speed and "DPO" in speed
    assert "stroke-dasharray" in speed
    assert "reward model 267 to 400; DPO 100 to 100" in speed
