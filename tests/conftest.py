"""A real tokenizer, a two-layer model, and commands in processes that can be killed.

All are made once a session, for every test that needs one.
"""

import hashlib
import itertools
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

pytest_plugins = ["tests.kernel", "tests.postgresql_cluster", "tests.standin_vllm"]

LONG_ROOMS = (
    "cli/test_completion.py",
    "models/storage/",
    "models/test_embedded.py",
    "parity/",
    "rollout/vllm/",
    "serving/",
    "stages/chat/",
    "stages/history/",
    "stages/measuring/test_best_of.py",
    "stages/measuring/test_contests.py",
    "stages/measuring/test_promoting.py",
    "stages/measuring/test_sweep.py",
    "stages/rounds/",
    "stages/test_drawing.py",
    "stages/test_evaluating.py",
    "stages/test_reinforcing.py",
    "stages/test_reporting.py",
    "stages/together/",
    "test_bad_input.py",
    "test_demo.py",
    "test_extras.py",
    "test_pipeline.py",
    "training/test_ranks.py",
    "web/contract/",
    "web/test_api_fuzz.py",
)
"""Tests that start servers and processes or train whole stages: they count as slow, so that
`make check` stays under two minutes."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where slow tests are left out, what the long rooms need is not even imported."""
    here = Path(__file__).parent
    if "not slow" not in config.option.markexpr or not collection_path.is_relative_to(here):
        return None
    place = collection_path.relative_to(here).as_posix()
    return True if f"{place}/".startswith(LONG_ROOMS) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in a long room; the whole demo comes last."""
    items.sort(key=lambda item: item.get_closest_marker("demo") is not None)
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).as_posix().startswith(LONG_ROOMS):
            item.add_marker("slow")


SPECIAL = ("<|pad|>", "<|start|>", "<|end|>")  # ids 0, 1, 2
TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message.role }}\n{{ message.content }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Any:
    """Byte-level BPE that merges only `the`: 3 special tokens, 256 bytes, `th`, `the`, ` the`."""
    # imported here, as below: most tests need neither torch nor transformers
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import PreTrainedTokenizerFast

    pieces = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet()), "th", "the", "Ġthe"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the")]
    backend = Tokenizer(BPE(vocab=vocabulary, merges=merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(list(SPECIAL))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<|pad|>", eos_token="<|end|>"
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Any) -> Path:
    """A Hugging Face folder: a random Llama of two layers, width 32, context 256. Never write."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tiny_tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.1,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_backbone(tiny_model: Path) -> Any:
    """The tiny model, loaded anew in float32: a test may add adapters to it and train them."""
    import torch

    from rather.models.library import load_backbone

    return load_backbone(tiny_model, torch.float32, "cpu")


@dataclass(frozen=True)
class Ended:
    """How a command in a process of its own ended."""

    code: int
    """Its exit code, or -n where signal n ended it."""
    said: str
    """What it printed on stdout and stderr."""
    passed: list[str]
    """Failpoints and safe points in the order it passed them, where that was asked for."""


class Commands:
    """Runs `rather` commands in forks of one warm process (`fork_server.py`)."""

    def __init__(self, folder: Path, num_threads: int = 1) -> None:
        here = Path(__file__).parent
        warm = {
            "PYTHONPATH": str(here.parent / "src"),
            "OMP_NUM_THREADS": str(num_threads),
            "TOKENIZERS_PARALLELISM": "false",
        }
        self._server = subprocess.Popen(
            [sys.executable, str(here / "fork_server.py")],
            env={**os.environ, **warm},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._folder, self._numbers = folder, itertools.count()
        self._files: dict[int, Path] = {}

    def start(
        self,
        *command: str,
        failpoint: str = "",
        interrupt: tuple[Any, ...] = (),
        is_watched: bool = False,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> int:
        """Start a command; returns its process id. `interrupt`: as in `fork_server.watch`."""
        out = self._folder / f"{next(self._numbers)}.txt"
        request = {
            "run": command,
            "environment": {"RATHER_FAILPOINT": failpoint, **environment},
            "interrupt": interrupt,
            "log": str(out.with_suffix(".log")) if is_watched else None,
            "out": str(out),
        }
        pid = self._ask(request)
        self._files[pid] = out
        return pid

    def wait(self, pid: int) -> Ended:
        """Wait until a started command ends."""
        code = self._ask({"wait": pid})
        out = self._files.pop(pid)
        log = out.with_suffix(".log")
        return Ended(code, out.read_text(), log.read_text().split() if log.exists() else [])

    def __call__(self, *command: str, **how: Any) -> Ended:
        """Run a command to its end."""
        return self.wait(self.start(*command, **how))

    def of(self, stage: str, root: Path) -> list[str]:
        """The command that runs a training stage in a workspace."""
        return [stage, *(["--force"] if stage == "ppo" else []), "--workspace", str(root)]

    def stage(self, stage: str, root: Path, **how: Any) -> Ended:
        """Run a training stage in a workspace to its end."""
        return self(*self.of(stage, root), **how)

    def ranks(
        self, *command: str, size: int = 2, of_rank: Mapping[int, Any] = MappingProxyType({})
    ) -> list[Ended]:
        """Run a command as so many ranks, as torchrun would, to its end.

        `of_rank`: what `start` is told besides, for single ranks.
        """
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        common = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        pids = [
            self.start(
                *command,
                environment={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                **of_rank.get(rank, {}),
            )
            for rank in range(size)
        ]
        return [self.wait(pid) for pid in pids]

    def kill(self, pid: int, number: int) -> None:
        """Send a signal to a started command that nobody has waited for yet."""
        assert pid in self._files
        os.kill(pid, number)

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._server.stdin and self._server.stdout
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def close(self) -> None:
        for pid in self._files:  # of tests that failed before they waited
            os.kill(pid, signal.SIGKILL)
        assert self._server.stdin and self._server.stdout
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Commands in processes of their own, each in a tenth of the time a new Python takes."""
    made = Commands(tmp_path_factory.mktemp("said"))
    yield made
    made.close()


QUICK = {
    "dtype": "float32",
    "heldout-fraction": "0.3",
    **{
        f"{stage}.{name}": value
        for stage in ("sft", "reward", "dpo", "ppo")
        for name, value in {
            "adapter.rank": "4",
            "adapter.alpha": "8",
            "batch-size": "5",
            "microbatch-tokens": "64",
            "checkpoint-every": "2",
            "learning-rate": "0.005",
        }.items()
    },
    **{f"{stage}.num-epochs": "3" for stage in ("sft", "reward", "dpo")},
    "ppo.num-epochs": "2",
    "ppo.num-steps": "5",
    "ppo.num-completions": "2",
    "ppo.batch-size": "3",
    "ppo.max-new-tokens": "5",
    "ppo.kl.target-kl": "0.3",
    "ppo.shaping.standardize": "true",
    "ppo.rules.heldout-reward": "reward-1",
    "ppo.rules.check-every": "2",
    "watch.num-prompts": "2",
    "watch.every": "2",
    "watch.every-updates": "2",
    "watch.max-new-tokens": "4",
}

TOO_FAR = ("--rules.max-kl", "0.45", "--rules.heldout-reward", "null")
"""Flags of a `ppo` of QUICK that a rule stops: its policy is 0.48 nats from the reference in the
last step. The held-out reward liked none better than the base, which would then be kept."""


@pytest.fixture(scope="session")
def learnt_root(
    commands: Commands, tmp_path_factory: pytest.TempPathFactory, tiny_model: Path
) -> Path:
    """A workspace's folder with feedback of both kinds and reward-1, for runs of a few steps."""
    folder = tmp_path_factory.mktemp("learnt")
    root = folder / "mine"
    flags = [f"--{name}={value}" for name, value in QUICK.items()]
    rows = [
        {"prompt": f"Question {n}?", "chosen": f"Please, the {n}.", "rejected": f"No, {n}!"}
        for n in range(12)
    ]
    shown = [{"prompt": row["prompt"], "completion": f"Thank you. {row['chosen']}"} for row in rows]
    for name, some in {"pairs": rows, "demonstrations": shown}.items():
        (folder / name).with_suffix(".jsonl").write_text("\n".join(map(json.dumps, some)))
    for command in (
        ["init", str(root), "--model", str(tiny_model), *flags],
        ["import", str(folder / "pairs.jsonl"), "-w", str(root)],
        ["import", str(folder / "demonstrations.jsonl"), "-w", str(root)],
        # drawn at random and read at the end, so that PPO moves far enough to meet a rule
        ["reward", "--seed=8", "--head=random", "--pooling=last", "--depth=1", "-w", str(root)],
    ):
        ended = commands(*command)
        assert ended.code == 0, ended.said
    return root


@pytest.fixture(scope="session")
def new_root(learnt_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Copies of `learnt_root`."""

    def make() -> Path:
        return Path(shutil.copytree(learnt_root, tmp_path_factory.mktemp("root") / "mine"))

    return make


def what_is_left(stage: str, root: Path) -> dict[str, Any]:
    """All that the newest run of a stage leaves in a workspace, to the last bit."""
    with closing(sqlite3.connect(root / "rather.db")) as connection:
        version, run_id = connection.execute(
            "SELECT name, run_id FROM versions WHERE stage = ? ORDER BY seq DESC", [stage]
        ).fetchone()
        tables = {
            name: connection.execute(query, [run_id]).fetchall()
            for name, query in {
                "status": "SELECT status, message FROM runs WHERE id = ?",
                # all but what a clock gave
                "metrics": "SELECT step, name, value FROM metrics WHERE run_id = ?"
                " AND name NOT LIKE 'speed/%' ORDER BY step, name",
                "glimpses": "SELECT * FROM glimpses WHERE run_id = ? ORDER BY step, prompt_id",
                "alarms": "SELECT step, rule, severity, sentence FROM alarms WHERE run_id = ?"
                " ORDER BY step, rule",
            }.items()
        }
    run = root / "runs" / run_id
    checkpoints = {path.name: digests(path) for path in run.glob("checkpoint-*")}
    last = max(checkpoints, key=lambda name: float(name.split("-")[1]))
    return {
        **tables,
        "version": (version, run_id, digests(root / "models" / version)),
        "last": (last, checkpoints[last]),
        "checkpoints": checkpoints,
        "leftovers": sorted(path.name for path in (*root.glob("*/.*"), *run.glob(".*"))),
    }


def digests(folder: Path) -> dict[str, str]:
    """The hash of every file in a folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="session")
def left_by() -> Callable[[str, Path], dict[str, Any]]:
    """What a stage left in a workspace."""
    return what_is_left


class Whole(NamedTuple):
    """An uninterrupted run of a stage."""

    passed: list[str]
    left: dict[str, Any]


@pytest.fixture(scope="session")
def whole(commands: Commands, new_root: Callable[[], Path]) -> Callable[[str], Whole]:
    """By stage: the places an uninterrupted run passes, and what it leaves behind."""

    @cache
    def of(stage: str) -> Whole:
        root = new_root()
        ended = commands.stage(stage, root, is_watched=True)
        assert ended.code == 0, ended.said
        return Whole(ended.passed, what_is_left(stage, root))

    return of
