"""Our served engine beside vLLM's server, and one answer beside transformers' `generate`.

    python -m benchmarks.serving --vllm-python .oracles/vllm/bin/python
    python -m benchmarks.serving --only local         # without vLLM
    python -m benchmarks.serving --only chat          # the chat of several turns

All are resident and take turns, one measured turn each, on both cores, so that what the machine
does meanwhile meets them alike: 32 streams over four adapters, then one alone; then a chat of
several turns with our server, and with one that remembers nothing of the turns before. No request
is asked twice. `--lock` names a file that is locked during each round of turns, for others on the
machine to wait for. Writes results/serving.json.
"""

import argparse
import asyncio
import contextlib
import fcntl
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx2

from benchmarks.serving import conversation
from benchmarks.serving.clients import Asked, at_once, requests
from benchmarks.serving.workspace import NAMES, RANK, make_workspace
from benchmarks.speed import results
from benchmarks.speed.conductor import say
from rather.config.vllm import VllmEngine
from rather.models.library import Library, pick_dtype
from rather.records import Message, Prompt
from rather.serving.vllm import installed, process
from rather.workspace import Workspace

RESULTS = results.FOLDER / "serving.json"
Turn = Callable[[list[Asked]], dict[str, Any]]


@contextlib.contextmanager
def our_server(ws: Workspace, engine: str, *flags: str) -> Iterator[str]:
    """`rather serve` in a process of its own; gives its address."""
    command = [sys.executable, "-m", "rather", "serve", "--engine", engine, "--port", "0", *flags]
    with subprocess.Popen(command, cwd=ws.root, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            for line in server.stderr:
                if found := re.search(r"http://\S+?:\d+", line):
                    yield found[0]
                    return
            raise SystemExit(f"rather serve ended with {server.wait()}")
        finally:
            server.terminate()
            server.stderr.close()


@contextlib.contextmanager
def their_server(ws: Workspace, library: Library, section: VllmEngine) -> Iterator[str]:
    """vLLM's own server with the same adapters, asked without anything of ours between."""
    dtype = str(pick_dtype(ws.config.dtype)).removeprefix("torch.")
    base = library.folder_of("base")
    started = process.Launch(
        installed.command(section, base, dtype, max_rank=RANK, resident_adapters=len(NAMES)),
        installed.environment(installed.find_python(section)),
        ws.root / "vllm.log",
        section.start_timeout_s,
    )
    with asyncio.Runner() as runner:

        async def start() -> process.ServerProcess:
            async with httpx2.AsyncClient(trust_env=False) as http:
                server = await process.start(started, http)
                for name in NAMES:
                    told = {"lora_name": name, "lora_path": str(ws.models_dir / name)}
                    url = f"{server.url}/v1/load_lora_adapter"
                    (await http.post(url, json=told, timeout=300)).raise_for_status()
                return server

        server = runner.run(start())
        try:
            yield server.url
        finally:
            runner.run(server.end())


@contextlib.contextmanager
def generate(library: Library, dtype: str) -> Iterator[Turn]:
    """transformers in a process of its own, as a turn of one request."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.serving.generate",
        str(library.folder_of("base")),
        dtype,
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as peer:
        assert peer.stdin is not None and peer.stdout is not None
        peer.stdout.readline()

        def turn(wanted: list[Asked]) -> dict[str, Any]:
            (asked,) = wanted
            message = Message("user", asked.text)
            ids = library.codec("base").prompt_ids(Prompt("p", (message,), "train"))
            print(
                json.dumps({"ids": ids, "max_tokens": asked.max_tokens}),
                file=peer.stdin,
                flush=True,
            )
            told = json.loads(peer.stdout.readline())
            return told | {"tokens_per_second": told["tokens"] / told["seconds"]}

        yield turn
        peer.stdin.close()


def server_turn(url: str) -> Turn:
    """A turn of requests to a server."""

    def turn(wanted: list[Asked]) -> dict[str, Any]:
        seconds, answers = at_once(url, wanted)
        tokens = sum(one.num_tokens for one in answers)
        return {
            "seconds": seconds,
            "tokens": tokens,
            "tokens_per_second": tokens / seconds,
            "first_token_s": [one.first_s for one in answers],
        }

    return turn


def summary(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over turns; times to the first token over all requests of all turns."""
    firsts = [each for turn in turns for each in turn.get("first_token_s", ())]
    found = {
        "tokens_per_second": median(turn["tokens_per_second"] for turn in turns),
        "seconds": median(turn["seconds"] for turn in turns),
        "turns": [{key: turn[key] for key in ("tokens", "seconds")} for turn in turns],
    }
    if len(firsts) > 1:
        cuts = quantiles(firsts, n=20, method="inclusive")
        found |= {"first_token_p50_s": median(firsts), "first_token_p95_s": cuts[-1]}
    return found


def take_turns(
    systems: dict[str, Turn],
    make: Callable[[int], list[Asked]],
    repeats: int,
    lock: Path | None,
) -> dict[str, Any]:
    """Every system once unmeasured, then all in turn; `make` gives each round's requests."""
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in systems}
    for repeat in range(repeats + 1):
        wanted = make(repeat)
        with locked(lock):
            found = {name: turn(wanted) for name, turn in systems.items()}
        for name, told in found.items():
            said = f"{told['tokens_per_second']:.1f} tokens/s ({told['seconds']:.1f} s)"
            say(f"{len(wanted)} at once, {repeat or 'warming up'}: {name}: {said}")
            if repeat:
                turns[name].append(told)
    return {name: summary(found) for name, found in turns.items()}


@contextlib.contextmanager
def locked(file: Path | None) -> Iterator[None]:
    """Hold a file's lock against whoever respects it."""
    if file is None:
        yield
        return
    with file.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vllm-python", help="Python of an environment with vLLM")
    parser.add_argument("--only", choices=("local", "chat"), help="leave vLLM out")
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--lock", type=Path, help="a file to lock during each round")
    return parser.parse_args()


def main() -> None:
    """Start everything, measure, write the result."""
    given = arguments()
    if given.only != "chat":
        race(given)
    chat(given)
    say(f"written to {RESULTS}")


def chat(given: argparse.Namespace) -> None:
    """A chat of several turns, with what was said before remembered, and without."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ws = stack.enter_context(make_workspace(Path(folder) / "ws"))
        urls = {
            "remembered": stack.enter_context(our_server(ws, "local")),
            "computed again": stack.enter_context(
                our_server(ws, "local", "--serve.prefixes", "off")
            ),
        }
        chats: dict[str, list[list[float]]] = {name: [] for name in urls}
        for repeat in range(given.repeats + 1):
            with locked(given.lock):
                for name, url in urls.items():
                    firsts = conversation.first_tokens(url, repeat)
                    told = ", ".join(f"{seconds:.3f}" for seconds in firsts)
                    say(f"chat, {repeat or 'warming up'}: {name}: first tokens after {told} s")
                    if repeat:
                        chats[name].append(firsts)
    results.keep(
        RESULTS,
        "chat",
        {
            "settings": {"turns": conversation.TURNS, "max_tokens": conversation.MAX_TOKENS},
            "versions": {name: version(name) for name in ("torch", "transformers")},
            "systems": {
                name: {"first_token_s": [median(turn) for turn in zip(*runs, strict=True)]}
                for name, runs in chats.items()
            },
        },
    )


def race(given: argparse.Namespace) -> None:
    """Throughput, and the first token's time, beside the peers."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ws = stack.enter_context(make_workspace(Path(folder) / "ws"))
        library = Library(ws.root, "embedded", "auto", {})
        dtype = str(pick_dtype("auto")).removeprefix("torch.")
        systems = {"rather serve": server_turn(stack.enter_context(our_server(ws, "local")))}
        peer = stack.enter_context(generate(library, dtype))
        if given.only is None:
            section = VllmEngine(
                python=given.vllm_python, max_running=given.streams, max_context=512, cache_gb=1.0,
                max_adapters_at_once=len(NAMES), arguments=("--enforce-eager",),
            )  # fmt: skip
            systems["vLLM"] = server_turn(stack.enter_context(their_server(ws, library, section)))
        say("all are ready")

        def adapters(turn: int) -> list[Asked]:
            first = turn * given.streams
            return requests(NAMES, given.streams, given.max_tokens, first=first)

        def alone(turn: int) -> list[Asked]:
            first = 1000 + turn
            return requests(["base"], 1, given.max_tokens, temperature=0.0, first=first)

        together = take_turns(systems, adapters, given.repeats, given.lock)
        one = take_turns({**systems, "generate": peer}, alone, 2 * given.repeats, given.lock)
    found = {
        "settings": {"streams": given.streams, "max_tokens": given.max_tokens, "rank": RANK,
            "adapters": len(NAMES), "dtype": dtype, "model": "embedded"},
        "versions": {name: version(name) for name in ("torch", "transformers")}
        | {"vllm": their_version(given.vllm_python)},
    }  # fmt: skip
    results.keep(RESULTS, "streams", {**found, "systems": together})
    results.keep(RESULTS, "alone", {**found, "systems": one})


def their_version(python: str | None) -> str | None:
    """Which vLLM was measured."""
    if python is None:
        return None
    asked = [python, "-c", "from vllm.version import __version__ as v; print(v)"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else None


if __name__ == "__main__":
    main()
