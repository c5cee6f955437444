"""How the labelling app bears many people at once: errors, losses, and how long a judgment takes.

    python benchmarks/labelling_load.py                     # 100 labellers x 10 judgments, SQLite
    python benchmarks/labelling_load.py --labellers 1000 --database URL   # an empty PostgreSQL

The server is `rather label`'s own app in a process of its own; the clients share its two cores.
Writes results/labelling_load.json, one entry a database and size.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from crowd import Seen, crowd
from rather.config.labelling import Labelling, Overlap
from rather.config.stages import Config
from rather.durable import write_text
from rather.records import Completion, Labeller, Message, Prompt
from rather.store import completions, judgments, labellers, logins, prompts
from rather.store.database import Database

RESULTS = Path(__file__).parent / "results" / "labelling_load.json"
ANSWERS_A_PROMPT = 4
TOKEN_SECONDS = 3600.0


def fill(db: Database, num_labellers: int, num_prompts: int) -> list[tuple[str, str]]:
    """Prompts with four completions each, and people; returns their ids and one-time tokens."""
    asked = [
        Prompt(f"p{n:06d}", (Message("user", f"Question number {n}?"),), "train", source="file")
        for n in range(num_prompts)
    ]
    prompts.add(db, asked)
    given = [
        Completion(f"c{n:06d}{k}", prompt.id, f"Answer **{k}** to {prompt.id}.\n\n- a\n- b", "m")
        for n, prompt in enumerate(asked)
        for k in range(ANSWERS_A_PROMPT)
    ]
    completions.add(db, given)
    people = [Labeller(f"person-{n}", f"Person {n}", False) for n in range(num_labellers)]
    labellers.add(db, people)
    return [(one.id, logins.create_token(db, one.id, TOKEN_SECONDS)) for one in people]


def run_server(where: str, config: Config, told: Connection, port: int = 0) -> None:
    """The app on a (free) port of this machine; says its address through `told`."""
    from rather.web.app import create_app
    from rather.web.server import serve

    with Database.open(where) as db:
        app = create_app(db, config, "benchmark", secret=b"a secret of the benchmark, 32 bytes")
        serve(app, port=port, announce=told.send)


def measure(
    where: str, tokens: list[tuple[str, str]], num: int, think_seconds: float
) -> dict[str, Any]:
    """One crowd against a fresh server; what the store holds afterwards is compared."""
    config = Config(label=Labelling(overlap=Overlap(shared_fraction=0.1)))
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=run_server, args=(where, config, there), daemon=True)
    server.start()
    try:
        seen = asyncio.run(crowd(here.recv(), tokens, num, think_seconds))
    finally:
        server.terminate()
        server.join(10)
    with Database.open(where) as db:
        stored = {one.id for one in judgments.all(db)}
    acked = [ack.judgment_id for ack in seen.acks]
    return {
        "judgments": len(acked),
        "lost": len(set(acked) - stored),
        "doubled": len(acked) - len(set(acked)) + len(stored - set(acked)),
        "refused": len(seen.refusals),
        "told_to_wait": seen.num_told_to_wait,
        "lost_connections": seen.num_lost_connections,
        "milliseconds": latencies(seen),
    }


def latencies(seen: Seen) -> dict[str, dict[str, float]]:
    """Median, 95th and 99th percentile and the longest, by route."""
    found = {}
    for route, seconds in sorted(seen.seconds.items()):
        cuts = statistics.quantiles(seconds, n=100, method="inclusive")
        picked = {"median": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(seconds)}
        found[route] = {name: round(1000 * value, 1) for name, value in picked.items()}
    return found


def main() -> int:
    """Measure without and with time to think, print, and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labellers", type=int, default=100)
    parser.add_argument("--judgments", type=int, default=10)
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--think-seconds", type=float, nargs="*", default=[0.0, 1.0])
    parser.add_argument("--database", help="URL of an empty PostgreSQL database; SQLite without")
    given = parser.parse_args()
    outcome: dict[str, Any] = {}
    for think in given.think_seconds:
        with tempfile.TemporaryDirectory() as folder:
            where = given.database or str(Path(folder) / "rather.db")
            with Database.open(where, create=True) as db:
                tokens = fill(db, given.labellers, given.prompts)
            found = measure(where, tokens, given.judgments, think)
        outcome[f"think {think:g} s"] = found
        print(json.dumps({"think_seconds": think} | found, indent=1))
        if given.database:
            break  # it is not empty any more
    keep(f"{'postgresql' if given.database else 'sqlite'}, {given.labellers} labellers", outcome)
    wrong = sum(one["lost"] + one["doubled"] + one["refused"] for one in outcome.values())
    return 1 if wrong else 0


def keep(name: str, outcome: dict[str, Any]) -> None:
    """Put this measurement beside the others."""
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    results[name] = outcome | {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    write_text(RESULTS, json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
