"""Counts and times of what was served, in Prometheus' text format (version 0.0.4)."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Upper bounds of the histograms' buckets."""
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass
class Histogram:
    """How often something took how long."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        """Once more, so long."""
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds

    def lines(self, name: str) -> Iterator[str]:
        """Cumulative buckets, sum and count."""
        so_far = 0
        for bound, count in zip((*map(str, SECONDS), "+Inf"), self.counts, strict=True):
            so_far += count
            yield f'{name}_bucket{{le="{bound}"}} {so_far}'
        yield f"{name}_sum {self.total:.6f}"
        yield f"{name}_count {so_far}"


class Metrics:
    """What one server has done since it began."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        """By the version that answered, and how it ended."""
        self.tokens: Counter[tuple[str, str]] = Counter()
        """By version, and whether of prompts or of completions."""
        self.first_token = Histogram()
        self.whole = Histogram()

    def page(self, gauges: Mapping[str, float]) -> str:
        """Everything, with the backend's numbers as they are now."""
        lines = [
            *_head("rather_requests_total", "counter", "Requests by version and how they ended."),
            *_counts("rather_requests_total", ("model", "ended"), self.requests),
            *_head("rather_tokens_total", "counter", "Tokens read and made, by version."),
            *_counts("rather_tokens_total", ("model", "of"), self.tokens),
            *_head("rather_time_to_first_token_seconds", "histogram", "From request to token."),
            *self.first_token.lines("rather_time_to_first_token_seconds"),
            *_head("rather_request_seconds", "histogram", "From request to its end."),
            *self.whole.lines("rather_request_seconds"),
        ]
        for name, value in sorted(gauges.items()):
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# TYPE rather_engine_{name} {kind}", f"rather_engine_{name} {value:.15g}"]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, help: str) -> tuple[str, str]:
    return f"# HELP {name} {help}", f"# TYPE {name} {kind}"


def _counts(
    name: str, labels: tuple[str, str], counts: Mapping[tuple[str, str], int]
) -> Iterator[str]:
    for values, count in sorted(counts.items()):
        said = ",".join(
            f'{label}="{value.translate(ESCAPES)}"'
            for label, value in zip(labels, values, strict=True)
        )
        yield f"{name}{{{said}}} {count}"
