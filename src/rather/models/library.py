"""All models a workspace can name, each backbone loaded once: base, versions, folders, hub ids."""

import hashlib
import re
from dataclasses import dataclass, field
from logging import getLogger
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.utils import logging

from rather.config.stages import Precision
from rather.data.tokens import Codec, load_codec
from rather.durable import verify
from rather.errors import DataError, UsageError
from rather.models.adapter_files import load_adapter, require_fit, save_adapter
from rather.models.backbone import Backbone
from rather.models.files.skeleton import Skeleton, skeleton_of
from rather.models.heads import ScalarHead
from rather.models.lora import LoraShape
from rather.models.memory import keep_few_programs
from rather.models.roles import Policy, RewardModel
from rather.models.source import CARD_FILE, fingerprint, read_json, resolve
from rather.models.storage.four_bits import keep_in_four_bits
from rather.models.storage.mapped import MappedFiles
from rather.models.storage.shards import state_of
from rather.records import ModelVersion

HEAD_FILE = "head.safetensors"
LOG = getLogger(__name__)
VERSION_NAME = re.compile(r"(?:sft|reward|ppo|dpo)-[0-9]+")

logging.disable_progress_bar()


@dataclass
class Library:
    """Loads models by name and keeps one copy of each backbone."""

    root: Path
    base: str
    """The workspace's model, as named in the configuration."""
    dtype: Precision
    versions: dict[str, ModelVersion]
    system_prompt: str | None = None
    _folders: dict[str, Path] = field(default_factory=dict)
    _backbones: dict[Path, Backbone] = field(default_factory=dict)
    _skeletons: dict[Path, Skeleton] = field(default_factory=dict)
    _codecs: dict[Path, Codec] = field(default_factory=dict)

    def policy(self, name: str) -> Policy:
        """The policy of base, a version, a folder or a hub id."""
        version = self.versions.get(name)
        if version is None:
            return Policy(self._backbone(self._folder(name)))
        if version.stage == "reward":
            raise UsageError(f"{name} is a reward model; it scores completions and writes none.")
        return Policy(*self._loaded(version))

    def reward_model(self, name: str) -> RewardModel:
        """A reward version of the workspace; of an ensemble its first member."""
        return self.reward_members(name)[0]

    def reward_members(self, name: str) -> tuple[RewardModel, ...]:
        """The reward models of a version: one, or those of an ensemble, on one backbone."""
        version = self.versions.get(name)
        if version is None or version.stage != "reward":
            known = [v.name for v in self.versions.values() if v.stage == "reward"]
            raise UsageError(
                f"There is no reward model {name}; this workspace has "
                f"{', '.join(known) or 'none yet: train one with `rather reward`'}."
            )
        folder = self.root / version.path
        card = read_json(folder / CARD_FILE)
        places = member_folders(int(card.get("ensemble", 1)))
        return tuple(self._reward_member(version, card, place) for place in places)

    def _reward_member(
        self, version: ModelVersion, card: dict[str, Any], place: str
    ) -> RewardModel:
        backbone, adapter = self._loaded(version, place)
        head = load_head(self.root / version.path / place, backbone)
        # versions made before there was a depth read all layers
        return RewardModel(backbone, adapter, head, card["pooling"], card.get("depth"))

    def codec(self, name: str) -> Codec:
        """The tokenizer and template of a model."""
        folder = self.folder_of(name)
        if folder not in self._codecs:
            config = read_json(folder / "config.json")
            # GPT-2 calls it n_positions
            positions = config.get("max_position_embeddings") or config.get("n_positions")
            context = int(positions or 1 << 30)
            # where a model reads more than text, its language model has a configuration of its own
            rows = config.get("vocab_size") or config.get("text_config", {}).get("vocab_size")
            self._codecs[folder] = load_codec(
                folder, context, _stops(folder), self.system_prompt, rows
            )
        return self._codecs[folder]

    def folder_of(self, name: str) -> Path:
        """The folder that holds a model's backbone and tokenizer."""
        version = self.versions.get(name)
        if version is None:
            return self._folder(name)
        own = self.root / version.path
        return own if (own / "config.json").exists() else self._folder(version.base)

    def _folder(self, name: str) -> Path:
        if VERSION_NAME.fullmatch(name) and not (self.root / name).is_dir():
            known = ", ".join(self.versions) or "none yet"
            raise UsageError(f"There is no version {name}; this workspace has {known}.")
        if name not in self._folders:  # a folder is checked whole, which may mean hashing it
            self._folders[name] = resolve(self.base if name == "base" else name, self.root)
        return self._folders[name]

    def _backbone(self, folder: Path) -> Backbone:
        if folder not in self._backbones:
            self._backbones[folder] = self._loaded_backbone(folder)
        return self._backbones[folder]

    def _loaded_backbone(self, folder: Path) -> Backbone:
        if self.dtype != "4bit":
            return load_backbone(folder, pick_dtype(self.dtype), pick_device())
        backbone = load_backbone(folder, pick_dtype(self.dtype), "cpu")
        keep_in_four_bits(backbone, pick_device())
        return backbone

    def _loaded(self, version: ModelVersion, place: str = "") -> tuple[Backbone, str | None]:
        """A version's backbone and the adapter on it, verified before it is used.

        `place` is the folder of an ensemble's member, inside the version's.
        """
        folder = self.root / version.path
        base = self.folder_of(version.name)
        backbone = self._backbone(base)
        adapter = f"{version.name}-{place}" if place else version.name
        if base == folder or adapter in backbone.shapes:
            require_sound(version, folder)
            return backbone, None if base == folder else adapter
        shape, weights = self.adapter(version, place)
        # A policy may be learnt from, and is as precise as it was published. A reward model scores
        # in the backbone's precision: rounded here, a critic that begins from it values the same.
        dtype = backbone.model.dtype if version.stage == "reward" else torch.float32
        ready = {key: weight.to(backbone.device, dtype) for key, weight in weights.items()}
        backbone.attach_adapter(adapter, shape, ready)
        return backbone, adapter

    def adapter(
        self, version: ModelVersion, place: str = ""
    ) -> tuple[LoraShape, dict[str, torch.Tensor]]:
        """A version's adapter (or, at `place`, a member's of an ensemble), read and not yet used.

        DataError where it is damaged, or belongs to another model, tokenizer or template.
        """
        folder = self.root / version.path
        require_sound(version, folder)
        base = self.folder_of(version.name)
        card = read_json(folder / CARD_FILE)
        if card["base_fingerprint"] != fingerprint(base):
            raise DataError(
                f"{version.name} was trained on another model than {version.base} is now; "
                "its adapter does not belong to these weights."
            )
        if card["codec_fingerprint"] != self.codec(version.name).fingerprint:
            raise DataError(
                f"{version.name} was trained with another tokenizer, chat template or system "
                f"prompt than {version.base} has now; restore it, or train again."
            )
        model = self.skeleton(base)
        shape, weights = load_adapter(folder / place, model.linear_layers)
        require_fit(model.model, shape, weights)
        return shape, weights

    def skeleton(self, folder: Path) -> Skeleton:
        """The layers of a model folder, for which no weights are loaded."""
        if folder not in self._skeletons:
            self._skeletons[folder] = skeleton_of(folder)
        return self._skeletons[folder]


def require_sound(version: ModelVersion, folder: Path) -> None:
    """DataError where a version's folder is not as it was published."""
    if problems := verify(folder):
        raise DataError(f"Model version {version.name} is damaged: {problems[0]}.")


def member_folders(num_members: int) -> list[str]:
    """Where a reward version keeps its models: in its folder itself, or a folder a member."""
    if num_members == 1:
        return [""]
    return [f"member-{number}" for number in range(1, num_members + 1)]


def save_weights(
    folder: Path, backbone: Backbone, adapter: str | None, base: str, codec: Codec
) -> None:
    """Write a trained policy: a PEFT folder, or (adapter None) a whole model with its tokenizer."""
    if adapter is None:
        save_whole(folder, backbone)
        codec.tokenizer.save_pretrained(folder)
        return
    shape = backbone.shapes[adapter]
    weights = {key: p.detach() for key, p in backbone.adapter_parameters(adapter).items()}
    save_adapter(folder, shape, weights, backbone.linear_layers, base)


def save_whole(folder: Path, backbone: Backbone) -> None:
    """Write a model whole, as a Hugging Face folder without a tokenizer."""
    backbone.model.save_pretrained(folder, state_dict=state_of(backbone.model))


def save_head(folder: Path, head: ScalarHead) -> None:
    """Write a reward model's head beside its adapter."""
    state = {key: tensor.detach().cpu().contiguous() for key, tensor in head.state_dict().items()}
    save_file(state, folder / HEAD_FILE)


def load_head(folder: Path, backbone: Backbone) -> ScalarHead:
    """A reward model's head, where its backbone is."""
    head = ScalarHead(backbone.hidden_size)
    head.load_state_dict(load_file(folder / HEAD_FILE))
    return head.to(backbone.device).requires_grad_(False)


def pick_device() -> str:
    """The first GPU where there is one, else the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def pick_dtype(wanted: Precision) -> torch.dtype:
    """bfloat16 where the machine multiplies in it, float32 elsewhere, or what was asked for."""
    named = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if wanted in named:
        return named[wanted]
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    machine = torch.cpu.get_capabilities()
    fast = any(machine.get(key) for key in ("avx512_bf16", "amx_bf16", "bf16"))
    return torch.bfloat16 if fast else torch.float32


def weights_digest(tensors: dict[str, torch.Tensor]) -> str:
    """Hash of named tensors, to tell whether two models are the same to the bit."""
    digest = hashlib.sha256()
    for key in sorted(tensors):
        array = tensors[key].detach().cpu().float().contiguous().numpy()
        digest.update(key.encode() + array.tobytes())
    return digest.hexdigest()[:16]


def _stops(folder: Path) -> tuple[int, ...]:
    """Stop tokens named by the model's own generation settings."""
    if not (folder / "generation_config.json").exists():
        return ()
    eos = GenerationConfig.from_pretrained(folder).eos_token_id
    return () if eos is None else tuple([eos] if isinstance(eos, int) else eos)


def load_backbone(folder: Path, dtype: torch.dtype, device: torch.device | str) -> Backbone:
    """Load a checked model folder (see `rather.models.source`) without running any code from it.

    DataError says why a folder cannot be loaded.
    """
    keep_few_programs()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
    except (ValueError, KeyError, OSError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise DataError(f"The model in {folder} cannot be loaded: {reason}.") from error
    model.to(torch.device(device))  # type: ignore[arg-type]
    backbone = Backbone(model)
    if backbone.why_padded is not None:
        name, why = type(model).__name__, backbone.why_padded
        LOG.warning("%s runs padded, which is slower than packed: %s.", name, why)
    MappedFiles().give_back(model.parameters())  # the probes read them all; a role may not
    return backbone
