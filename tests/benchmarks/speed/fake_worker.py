"""A worker that computes nothing: says when it was told, or breaks when it is wanted to."""

import time

from benchmarks.speed.pace import Pace, read_request


def main() -> None:
    """Answer with the time of every step."""
    request, pace = read_request(), Pace(warm_ups=1)
    settings = request["settings"]
    print("what a library prints does not end up among the answers")
    for number in range(100):
        pace.begin()
        if number == settings.get("breaks_at"):
            raise SystemExit("the worker breaks")
        pace.end(at=time.monotonic(), tokens=len(request["workload"]["prompts"]))


if __name__ == "__main__":
    main()
