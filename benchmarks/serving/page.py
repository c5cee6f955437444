"""The tables of docs/serving.md: `python -m benchmarks.serving.page` makes them of the results."""

import json
from pathlib import Path
from typing import Any

from benchmarks.speed import results
from rather.durable import write_text

RESULTS = results.FOLDER / "serving.json"
PAGE = Path(__file__).parents[2] / "docs" / "serving.md"
BEGINS, ENDS = "<!-- the tables begin -->\n", "<!-- the tables end -->\n"
CAPTIONS = {"streams": "32 streams over 4 adapters", "alone": "one request alone"}


def tables(found: dict[str, Any]) -> str:
    """Throughput and the first token's time, each system beside ours."""
    lines = [
        "| what | system | tokens a second | ours over it | first token, median and 95 % |",
        "|---|---|---|---|---|",
    ]
    for name, caption in CAPTIONS.items():
        systems = found[name]["systems"]
        ours = systems["rather serve"]["tokens_per_second"]
        for system, one in systems.items():
            first = "–"
            if "first_token_p50_s" in one:
                first = f"{one['first_token_p50_s']:.2f} s, {one['first_token_p95_s']:.2f} s"
            rate = one["tokens_per_second"]
            lines.append(f"| {caption} | {system} | {rate:.1f} | {ours / rate:.1f} | {first} |")
    about = found["streams"]
    stamp = f"Measured {about['measured_at'][:10]} on {about['machine']['processor']}, "
    stamp += f"{about['machine']['cores']} cores; vLLM {about['versions']['vllm']}."
    return "\n".join([*lines, "", *chat_table(found["chat"]), "", stamp]) + "\n"


def chat_table(chat: dict[str, Any]) -> list[str]:
    """The first token's time, turn by turn, with and without what was said before."""
    numbers = range(1, chat["settings"]["turns"] + 1)
    lines = [
        "| first token of a chat's turn | " + " | ".join(map(str, numbers)) + " |",
        "|---|" + "---|" * len(numbers),
    ]
    for name, one in chat["systems"].items():
        seconds = " | ".join(f"{each:.3f} s" for each in one["first_token_s"])
        lines.append(f"| what was said before is {name} | {seconds} |")
    return lines


def publish() -> None:
    """Put the tables on the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGINS)
    after = rest.partition(ENDS)[2]
    made = tables(json.loads(RESULTS.read_text("utf-8")))
    write_text(PAGE, f"{before}{BEGINS}{made}{ENDS}{after}")


if __name__ == "__main__":
    publish()
