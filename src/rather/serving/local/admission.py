"""A version is read and checked whole before the engine hears of it; a bad one fails alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError
from torch import Tensor

from rather.errors import DataError, RatherError
from rather.models.backbone import Backbone
from rather.models.heads import ScalarHead
from rather.models.library import HEAD_FILE, Library, load_head, member_folders, require_sound
from rather.models.lora import LoraShape
from rather.models.roles import RewardModel
from rather.models.source import CARD_FILE, check_folder, read_json
from rather.records import ModelVersion


@dataclass(frozen=True)
class AdapterRead:
    """An adapter as it will be used."""

    name: str
    shape: LoraShape
    weights: dict[str, Tensor]
    """In the backbone's precision and place."""


@dataclass(frozen=True)
class HeadRead:
    """What a reward model has beside its adapter."""

    head: ScalarHead
    pooling: Literal["last", "mean"]
    depth: int | None


@dataclass(frozen=True)
class Admitted:
    """A version that may be used: a policy's adapter, or the adapters and heads of its members."""

    adapters: tuple[AdapterRead, ...]
    heads: tuple[HeadRead, ...] = ()

    def attach(self, backbone: Backbone) -> None:
        """Give a backbone the adapters."""
        for one in self.adapters:
            backbone.attach_adapter(one.name, one.shape, one.weights)

    def members(self, backbone: Backbone) -> tuple[RewardModel, ...]:
        """The reward models, once their adapters are attached; none of a policy.

        One that is a model by itself has a head, and no adapter.
        """
        names: list[str | None] = [one.name for one in self.adapters]
        names = names or [None] * len(self.heads)
        return tuple(
            RewardModel(backbone, name, one.head, one.pooling, one.depth)
            for name, one in zip(names, self.heads, strict=False)
        )


class RewardCard(BaseModel):
    """What a reward version's card says of how it scores."""

    pooling: Literal["last", "mean"]
    depth: int | None = Field(None, ge=1)
    ensemble: int = Field(1, ge=1, le=64)


class Admission:
    """Reads versions of one library for one backbone."""

    def __init__(
        self, library: Library, find: Callable[[str], ModelVersion | None], max_rank: int
    ) -> None:
        """`find` asks the store for a version, which may be newer than the server."""
        self.library, self._find, self._max_rank = library, find, max_rank

    @cached_property
    def backbone(self) -> Backbone:
        """The base, loaded when it is first needed."""
        return self.library.policy("base").backbone

    def read(self, name: str) -> Admitted:
        """A version, read and checked; DataError says what is wrong with it."""
        with self._checked(name) as version:
            if version.stage != "reward":
                return Admitted((self._adapter(version, ""),))
            return self._reward(version, self.library.root / version.path)

    def shape(self, name: str) -> tuple[Path, LoraShape]:
        """Where a policy's adapter lies and what it looks like, checked like one that is read."""
        with self._checked(name) as version:
            return self.library.root / version.path, self._read(version, "")[0]

    def whole(self, name: str) -> ModelVersion:
        """A whole model, its folder checked and nothing of it loaded; DataError says what is wrong
        with it."""
        with self._checked(name) as version:
            folder = self.library.root / version.path
            if not (folder / "config.json").exists():
                raise DataError(f"{name} is no whole model.")
            require_sound(version, folder)
            check_folder(folder)
            if self.library.codec(name).fingerprint != self.library.codec("base").fingerprint:
                raise DataError(
                    f"{name} has another tokenizer or chat template than the base; prompts are "
                    "read once, for all versions."
                )
            return version

    @contextmanager
    def _checked(self, name: str) -> Iterator[ModelVersion]:
        """A version of the registry in its own folder; says what is wrong in the registry's
        names."""
        version = self._find(name)
        if version is None:
            raise DataError(f"There is no version {name}.")
        self.library.versions[name] = version
        folder = self.library.root / version.path
        try:
            self._require_inside(folder)
            yield version
        except (RatherError, OSError, KeyError) as error:
            raise DataError(self.named(error)) from error

    def named(self, error: Exception) -> str:
        """What is wrong in the registry's names, not the disk's."""
        return str(error).replace(f"{self.library.root}/", "")

    def _reward(self, version: ModelVersion, folder: Path) -> Admitted:
        card = self._card(version, folder)
        places = member_folders(card.ensemble)
        is_whole = folder == self.library.folder_of(version.name)
        if is_whole and self.library.base != version.path:  # such have a library of their own
            raise DataError(f"{version.name} is a whole model, no adapter on the base.")
        adapters = () if is_whole else tuple(self._adapter(version, place) for place in places)
        heads = tuple(self._head(version, folder / place) for place in places)
        return Admitted(adapters, tuple(HeadRead(one, card.pooling, card.depth) for one in heads))

    def _card(self, version: ModelVersion, folder: Path) -> RewardCard:
        try:
            card = RewardCard.model_validate(read_json(folder / CARD_FILE))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise DataError(f"{version.name}: {place} of {CARD_FILE}: {first['msg']}.") from error
        num_layers = len(self.backbone.stack)
        if card.depth is not None and card.depth > num_layers:
            raise DataError(f"{version.name} reads {card.depth} layers of {num_layers}.")
        return card

    def _read(self, version: ModelVersion, place: str) -> tuple[LoraShape, dict[str, Tensor]]:
        home = self.library.folder_of(version.name)
        if home == self.library.root / version.path:
            raise DataError(f"{version.name} is a whole model, no adapter on the base.")
        if home != self.library.folder_of("base"):
            raise DataError(f"{version.name} sits on another model than this server holds.")
        shape, weights = self.library.adapter(version, place)
        if shape.rank > self._max_rank:
            raise DataError(
                f"{version.name} has rank {shape.rank}, and serve.max_rank is {self._max_rank}."
            )
        return shape, weights

    def _adapter(self, version: ModelVersion, place: str) -> AdapterRead:
        shape, weights = self._read(version, place)
        dtype, device = self.backbone.model.dtype, self.backbone.device
        ready = {key: weight.to(device, dtype) for key, weight in weights.items()}
        if not all(bool(torch.isfinite(weight).all()) for weight in ready.values()):
            raise DataError(f"{version.name} has weights beyond what {dtype} can say.")
        name = f"{version.name}-{place}" if place else version.name
        return AdapterRead(name, shape, ready)

    def _head(self, version: ModelVersion, folder: Path) -> ScalarHead:
        try:
            head = load_head(folder, self.backbone)
        except (OSError, RuntimeError, SafetensorError) as error:
            raise DataError(
                f"{version.name} has no head in {HEAD_FILE} that fits its model; train it again."
            ) from error
        if not all(bool(torch.isfinite(weight).all()) for weight in head.state_dict().values()):
            raise DataError(f"The head of {version.name} has numbers that are not finite.")
        return head

    def _require_inside(self, folder: Path) -> None:
        """Refuse a version with links that lead out of its folder, or that lies elsewhere."""
        home = (self.library.root / "models").resolve()
        if not folder.resolve().is_relative_to(home):
            raise DataError(f"{folder} leads out of the workspace's models.")
        for path in folder.rglob("*"):
            if not path.resolve().is_relative_to(folder.resolve()):
                raise DataError(f"{path} leads out of its version's folder.")
