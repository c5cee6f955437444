"""Many published adapters on one backbone: the members of a reward model score, or every version
answers, in the engine of `rather serve` with its defaults."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.serving.workspace import publish
from benchmarks.speed.pace import Pace, read_request
from benchmarks.speed.workers.ours import scratch
from rather.config.serving import Serving
from rather.data.batch import Row
from rather.models.library import Library
from rather.rollout.tables import score_rows
from rather.serving.backend import Wish
from rather.serving.local.backend import LocalBackend

MICROBATCH_TOKENS = 2048
ANSWERED = 16
"""Tokens an answer."""
SECONDS_TO_END = 1.0


def score(pace: Pace, library: Library, count: int, prompts: Sequence[list[int]]) -> None:
    """Steps in which every member scores the prompts, each as the completion of its first token."""
    made = publish(library, "reward-1", seed=0, num_members=count)
    library.versions[made.name] = made
    members = library.reward_members(made.name)
    rows = [Row(tuple(ids[:1]), (tuple(ids[1:]),)) for ids in prompts]
    while True:
        pace.begin()
        with torch.inference_mode():
            for member in members:
                score_rows(member, rows, MICROBATCH_TOKENS)
        pace.end()


async def answer(pace: Pace, library: Library, count: int, prompts: Sequence[list[int]]) -> None:
    """Steps in which every version answers a prompt, all of them asked at once."""
    made = [publish(library, f"ppo-{number + 1}", seed=number) for number in range(count)]
    named = {version.name: version for version in made}
    backend = LocalBackend(library, named.get, Serving())
    await backend.start()
    wishes = [
        Wish(tuple(prompts[number % len(prompts)]), name, (number,), ANSWERED)
        for number, name in enumerate(named)
    ]
    try:
        while True:
            await asyncio.to_thread(pace.begin)
            await asyncio.gather(*(_read(backend, wish) for wish in wishes))
            pace.end()
    finally:
        await backend.close(SECONDS_TO_END)


async def _read(backend: LocalBackend, wish: Wish) -> None:
    async for _ in backend.generate(wish):
        pass


def main() -> None:
    """Publish the adapters, then use them once a step."""
    request, pace = read_request(), Pace()
    settings, prompts = request["settings"], request["workload"]["prompts"]
    with scratch() as folder:
        library = Library(Path(folder), request["model"], "auto", {})
        if settings["kind"] == "reward":
            score(pace, library, settings["num_adapters"], prompts)
        else:
            asyncio.run(answer(pace, library, settings["num_adapters"], prompts))


if __name__ == "__main__":
    main()
