"""Counts and times in Prometheus' text format."""

import re

import httpx2

from rather.serving.metrics import SECONDS, Histogram, Metrics
from tests.serving.conftest import House, Running

LINE = re.compile(
    r'[a-z_]+(?:\{(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? (?:[0-9.e+-]+|\+Inf|NaN)'
)


def test_a_histogram_counts_what_took_at_most_so_long() -> None:
    histogram = Histogram()
    for seconds in (0.01, 0.05, 0.06, 500.0):
        histogram.observe(seconds)
    lines = dict(line.rsplit(" ", 1) for line in histogram.lines("x"))
    assert lines['x_bucket{le="0.025"}'] == "1"
    assert lines['x_bucket{le="0.05"}'] == "2"
    assert lines['x_bucket{le="0.1"}'] == "3"
    assert lines['x_bucket{le="120.0"}'] == "3"
    assert lines['x_bucket{le="+Inf"}'] == lines["x_count"] == "4"
    assert lines["x_sum"] == "500.120000"
    assert len(histogram.counts) == len(SECONDS) + 1


def test_every_line_is_one_prometheus_reads() -> None:
    metrics = Metrics()
    metrics.requests['a"b\\c\nd', "done"] += 2
    page = metrics.page({"requests_open": 1.0})
    assert page.endswith("\n")
    for line in page.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or LINE.fullmatch(line), line
    assert 'rather_requests_total{model="a\\"b\\\\c\\nd",ended="done"} 2' in page
    names = [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


def test_what_was_served_is_counted(house: House, serving: type[Running]) -> None:
    server = serving(house)
    client = server.client()
    reply = client.completions.create(model="ppo-1", prompt="Hello", max_tokens=7, n=2, seed=1)
    page = httpx2.get(f"{server.url}/metrics").text
    assert 'rather_requests_total{model="ppo-1",ended="done"} 1' in page
    made = reply.usage.completion_tokens if reply.usage else 0
    assert f'rather_tokens_total{{model="ppo-1",of="completion"}} {made}' in page
    assert 'rather_tokens_total{model="ppo-1",of="prompt"} 5' in page
    assert "rather_time_to_first_token_seconds_count 1" in page
    assert "rather_engine_adapters_resident 1" in page
