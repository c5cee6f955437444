"""A workspace with ten policies and an ensemble of reward models, served on a real socket."""

import asyncio
import json
import shutil
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi import FastAPI
from openai import OpenAI
from safetensors.torch import load_file, save_file
from torch import Tensor

from rather.config.serving import Serving
from rather.config.stages import Config, Precision
from rather.durable import staged_directory
from rather.models.adapter_files import save_adapter
from rather.models.backbone import Backbone
from rather.models.heads import ScalarHead
from rather.models.library import Library, save_head
from rather.models.lora import LoraShape
from rather.models.source import fingerprint
from rather.records import ModelVersion, StageName
from rather.serving import register
from rather.serving.app import create_app
from rather.serving.backend import Backend
from rather.serving.context import NOBODY, Outside
from rather.serving.local.backend import LocalBackend
from rather.serving.local.models import LocalModels
from rather.serving.running import DrainingServer
from rather.store import versions
from rather.store.database import Database
from rather.store.serving import api_keys
from rather.web.server import listen, server_of, url_of

NUM_POLICIES = 10


@pytest.fixture(autouse=True)
def sees_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test writes into the store counts from the next request on."""
    monkeypatch.setattr(register, "SECONDS_TRUSTED", 0.0)


@dataclass
class House:
    """A workspace's folder and store, without the parts of a workspace that serving never sees."""

    root: Path
    db: Database
    library: Library

    @property
    def backbone(self) -> Backbone:
        return self.library.policy("base").backbone

    def publish(self, name: str, seed: int, rank: int = 2, num_members: int = 1) -> None:
        """A version with loud random adapters, registered as a stage would."""
        stage: StageName = "reward" if name.startswith("reward") else "ppo"
        shape = LoraShape(rank, 2.0 * rank, self.backbone.linear_layers.names)
        places = [f"member-{n + 1}" for n in range(num_members)] if num_members > 1 else [""]
        card: dict[str, Any] = {
            "base_fingerprint": fingerprint(self.library.folder_of("base")),
            "codec_fingerprint": self.library.codec("base").fingerprint,
        }
        with staged_directory(self.root / "models" / name) as folder:
            for number, place in enumerate(places):
                (folder / place).mkdir(exist_ok=True)
                weights = self._weights(shape, 100 * seed + number)
                save_adapter(folder / place, shape, weights, self.backbone.linear_layers, "base")
                if stage == "reward":
                    save_head(folder / place, ScalarHead(32, seed=seed + number))
            if stage == "reward":
                card |= {"pooling": "mean", "depth": 2, "ensemble": num_members}
            (folder / "rather.json").write_text(json.dumps(card))
        base = self.library.base
        made = ModelVersion(name, stage, base, (), f"run-{name}", f"models/{name}", "2026-01-01")
        versions.register(self.db, made)

    def publish_whole(self, name: str, seed: int) -> None:
        """A version that is a model by itself, as `tuning: full` publishes it."""
        base = self.root / "base-model"
        generator = torch.Generator().manual_seed(seed)
        stage: StageName = "reward" if name.startswith("reward") else "sft"
        card: dict[str, Any] = {"codec_fingerprint": self.library.codec("base").fingerprint}
        with staged_directory(self.root / "models" / name) as folder:
            shutil.copytree(base, folder, dirs_exist_ok=True)
            weights = {
                key: weight + torch.empty_like(weight).normal_(0.0, 0.2, generator=generator)
                for key, weight in load_file(base / "model.safetensors").items()
            }
            save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
            if stage == "reward":
                save_head(folder, ScalarHead(32, seed=seed))
                card |= {"pooling": "last", "depth": None}
            (folder / "rather.json").write_text(json.dumps(card))
        versions.register(
            self.db,
            ModelVersion(
                name,
                stage,
                self.library.base,
                (),
                f"run-{name}",
                f"models/{name}",
                "2026-01-01",
                provenance={"section": {"adapter": {"tuning": "full"}}},
            ),
        )

    def publish_on(self, whole: str, name: str, seed: int) -> None:
        """An adapter on a whole version; its weights are made like those on the base."""
        on_it = Library(self.root, f"models/{whole}", "float32", {})
        House(self.root, self.db, on_it).publish(name, seed)

    def _weights(self, shape: LoraShape, seed: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        name = f"in-training-{seed}"
        self.backbone.add_adapter(name, shape)
        found = {
            key: torch.empty_like(weight).normal_(0.0, 0.3, generator=generator)
            for key, weight in self.backbone.adapter_parameters(name).items()
        }
        self.backbone.remove_adapter(name)
        return found

    def backend(self, dtype: Precision = "float32", **settings: Any) -> LocalBackend:
        """An engine on a library of its own, as another process would have it."""
        return LocalBackend(*self._opened(settings, dtype))

    def models(self, **settings: Any) -> LocalModels:
        """Engines for all models, as `rather serve` has them."""
        return LocalModels(*self._opened(settings))

    def _opened(
        self, settings: dict[str, Any], dtype: Precision = "float32"
    ) -> tuple[Library, Callable[[str], ModelVersion | None], Serving]:
        library = Library(self.root, self.library.base, dtype, {})
        return library, lambda name: versions.get(self.db, name), Serving(**settings)

    def app(self, backend: Backend, outside: Outside = NOBODY, **settings: Any) -> FastAPI:
        """The API over a backend."""
        config = Config(model=self.library.base, dtype="float32", serve=Serving(**settings))
        codec = self.library.codec("base")
        return create_app(
            self.db, config, codec, backend, base_fingerprint="weights", outside=outside
        )


@pytest.fixture(scope="session")
def published(
    tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Path], House]]:
    """Makes copies of one workspace: models, and a store that knows them."""
    root = tmp_path_factory.mktemp("served")
    shutil.copytree(tiny_model, root / "base-model")
    with Database.open(root / "rather.db", create=True) as db:
        whole = House(root, db, Library(root, "base-model", "float32", {}))
        for number in range(1, NUM_POLICIES + 1):
            whole.publish(f"ppo-{number}", seed=number)
        whole.publish("reward-1", seed=50, num_members=2)
    opened: list[Database] = []

    def make(folder: Path) -> House:
        shutil.copytree(root, folder, dirs_exist_ok=True)
        db = Database.open(folder / "rather.db")
        opened.append(db)
        return House(folder, db, Library(folder, "base-model", "float32", {}))

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def house(published: Callable[[Path], House], tmp_path: Path) -> House:
    return published(tmp_path / "house")


@pytest.fixture(scope="module")
def shared_house(
    published: Callable[[Path], House], tmp_path_factory: pytest.TempPathFactory
) -> House:
    """One for tests that leave it as it was."""
    return published(tmp_path_factory.mktemp("shared") / "house")


class Running:
    """A server in a thread of its own, on a real socket."""

    def __init__(self, app: FastAPI, backend: Backend, drain_seconds: float = 5.0) -> None:
        self.app, self.backend, self._drain = app, backend, drain_seconds
        self._listener: socket.socket = listen("127.0.0.1", 0)
        self.url = url_of(self._listener)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._is_ready = threading.Event()
        self._clients: list[OpenAI] = []
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.thread.start()
        assert self._is_ready.wait(60)

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        await self.backend.start()
        self.server = DrainingServer(server_of(self.app).config, self.backend, self._drain)
        self._is_ready.set()
        await self.server.serve(sockets=[self._listener])

    def do(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        """Run something on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def client(self, api_key: str = "none") -> OpenAI:
        """A client that is closed with the server: left to the garbage it may warn in any test."""
        url = f"{self.url}/v1"
        self._clients.append(OpenAI(base_url=url, api_key=api_key, max_retries=0, timeout=60))
        return self._clients[-1]

    def end(self) -> None:
        """Ask it to end, as a signal does."""
        self.server.should_exit = True

    def close(self) -> None:
        self.end()
        self.thread.join(60)
        self._listener.close()
        for client in self._clients:
            client.close()
        assert not self.thread.is_alive()


@pytest.fixture
def serving() -> Iterator[Callable[..., Running]]:
    """Starts servers that end with the test."""
    running: list[Running] = []

    def start(house: House, drain_seconds: float = 5.0, **settings: Any) -> Running:
        backend = house.models(**settings)
        running.append(Running(house.app(backend, **settings), backend, drain_seconds))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture(scope="module")
def server(shared_house: House) -> Iterator[Running]:
    """One server for tests that only ask it."""
    backend = shared_house.models()
    running = Running(shared_house.app(backend), backend)
    yield running
    running.close()


@pytest.fixture
def client(server: Running) -> OpenAI:
    return server.client()


@pytest.fixture
def admin_key(house: House) -> str:
    return api_keys.create(house.db, "ada", "admin")
