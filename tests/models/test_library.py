"""A library loads what a workspace names, once and verified, and refuses what does not belong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import transformers as hf

from rather.data.batch import Row, pack
from rather.data.tokens import Codec
from rather.durable import staged_directory
from rather.errors import DataError, UsageError
from rather.models.heads import ScalarHead
from rather.models.library import (
    Library,
    pick_device,
    pick_dtype,
    save_head,
    save_weights,
    weights_digest,
)
from rather.models.roles import Policy, RewardModel
from rather.models.source import fingerprint
from rather.records import ModelVersion, StageName

Loud = Callable[..., str]


@pytest.fixture
def root(tiny_model: Path, tmp_path: Path) -> Path:
    """A workspace with a base model of its own."""
    shutil.copytree(tiny_model, tmp_path / "base-model")
    return tmp_path


@pytest.fixture
def library(root: Path) -> Library:
    return new_library(root, {})


def new_library(
    root: Path, versions: dict[str, ModelVersion], system_prompt: str | None = None
) -> Library:
    """A library that has loaded nothing yet, as another process would have it."""
    return Library(root, "base-model", "float32", versions, system_prompt)


def version(name: str) -> ModelVersion:
    stage: StageName = "reward" if name.startswith("reward") else "sft"
    return ModelVersion(name, stage, "base", (), "run", f"models/{name}", "2026-01-01")


def publish(library: Library, policy: Policy, name: str, head: ScalarHead | None = None) -> None:
    """What a stage does at its end: weights, card, head; then the library knows the version."""
    base = library.folder_of("base")
    codec: Codec = library.codec("base")
    with staged_directory(library.root / "models" / name) as folder:
        save_weights(folder, policy.backbone, policy.adapter, "base", codec)
        card = {"base_fingerprint": fingerprint(base), "codec_fingerprint": codec.fingerprint}
        if head is not None:
            save_head(folder, head)
            card |= {"pooling": "mean", "depth": 1}
        (folder / "rather.json").write_text(json.dumps(card))
    library.versions[name] = version(name)


@pytest.fixture
def tuned(library: Library, loud: Loud) -> Policy:
    """A policy with an adapter, saved as sft-1."""
    backbone = library.policy("base").backbone
    policy = Policy(backbone, loud(backbone, "in-training"))
    publish(library, policy, "sft-1")
    return policy


def test_base_has_several_names_and_one_backbone(library: Library, root: Path) -> None:
    base = library.policy("base")
    assert base.adapter is None
    assert library.policy("base-model").backbone is base.backbone
    assert library.policy(str(root / "base-model")).backbone is base.backbone
    assert library.codec("base") is library.codec("base-model")
    assert library.codec("base").context == 256


def test_a_saved_policy_comes_back_to_the_bit(
    library: Library, tuned: Policy, root: Path, rows: list[Row]
) -> None:
    batch = pack(rows)
    again = new_library(root, library.versions)
    policy = again.policy("sft-1")
    assert policy.adapter == "sft-1"
    assert policy.backbone is again.policy("base").backbone
    assert torch.equal(policy.logprobs(batch), tuned.logprobs(batch))
    assert not torch.equal(policy.logprobs(batch), again.policy("base").logprobs(batch))
    assert again.policy("sft-1") == policy  # not loaded twice
    assert again.folder_of("sft-1") == root / "base-model"


def test_a_reward_model_comes_back_with_its_head(
    library: Library, root: Path, rows: list[Row], loud: Loud
) -> None:
    backbone = library.policy("base").backbone
    head = ScalarHead(32, seed=4)
    head.bias.fill_(0.25)
    model = RewardModel(backbone, loud(backbone, "in-training"), head, "mean", depth=1)
    publish(library, Policy(backbone, "in-training"), "reward-1", head)
    batch = pack(rows)
    again = new_library(root, library.versions).reward_model("reward-1")
    assert (again.pooling, again.depth) == ("mean", 1)
    assert torch.equal(again.scores(batch), model.scores(batch))
    assert not again.head.weight.requires_grad


def test_an_adapter_is_as_precise_as_its_use(library: Library, tuned: Policy, root: Path) -> None:
    """Rounded once a pass or once in all is the same; but who learns from it begins unrounded."""
    publish(library, tuned, "reward-1", ScalarHead(32, seed=4))
    half = Library(root, "base-model", "bfloat16", library.versions)
    learnt, scoring = half.policy("sft-1"), half.reward_model("reward-1")
    assert tuned.adapter and learnt.adapter and scoring.adapter
    exact = tuned.backbone.adapter_parameters(tuned.adapter)
    for key, weight in half.policy("base").backbone.adapter_parameters(scoring.adapter).items():
        assert torch.equal(weight, exact[key].bfloat16())
    for key, weight in learnt.backbone.adapter_parameters(learnt.adapter).items():
        assert torch.equal(weight, exact[key]) and weight.dtype == torch.float32


def test_a_full_model_is_its_own_base(library: Library, root: Path, rows: list[Row]) -> None:
    copy = library.policy("base").backbone.trainable_copy()
    with torch.no_grad():
        for parameter in copy.model.parameters():
            parameter.add_(0.02)
    publish(library, Policy(copy), "sft-1")
    again = new_library(root, library.versions)
    policy = again.policy("sft-1")
    assert policy.adapter is None
    assert policy.backbone is not again.policy("base").backbone
    assert torch.equal(policy.logprobs(pack(rows)), Policy(copy).logprobs(pack(rows)))
    plain = hf.AutoModelForCausalLM.from_pretrained(root / "models" / "sft-1")
    with torch.no_grad():
        logits = plain(torch.tensor([[5, 6, 7, 8]])).logits[0]
    ours = policy.backbone.logits(policy.hidden(pack([Row((5, 6), ((7, 8),))])))
    torch.testing.assert_close(logits, ours, atol=1e-5, rtol=0)
    assert again.folder_of("sft-1") == root / "models" / "sft-1"
    assert again.codec("sft-1").fingerprint == again.codec("base").fingerprint


def test_unknown_names(library: Library) -> None:
    with pytest.raises(UsageError, match="no model named nobody: give `embedded`"):
        library.policy("nobody")
    with pytest.raises(UsageError, match=r"no reward model base.* has none yet: train one"):
        library.reward_model("base")
    library.versions["reward-2"] = version("reward-2")
    with pytest.raises(UsageError, match="no reward model reward-9; this workspace has reward-2"):
        library.reward_model("reward-9")
    with pytest.raises(UsageError, match="reward-2 is a reward model; it scores completions"):
        library.policy("reward-2")


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "rather.json", "manifest.json"])
def test_a_damaged_version_is_refused(
    name: str, library: Library, tuned: Policy, root: Path
) -> None:
    path = root / "models" / "sft-1" / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"Model version sft-1 is damaged: .*{name}"):
        new_library(root, library.versions).policy("sft-1")


def test_a_version_that_is_gone_is_refused(library: Library, tuned: Policy, root: Path) -> None:
    shutil.rmtree(root / "models" / "sft-1")
    with pytest.raises(DataError, match=r"sft-1 is damaged: .*manifest\.json is missing"):
        new_library(root, library.versions).policy("sft-1")


def test_other_base_weights_are_refused(library: Library, tuned: Policy, root: Path) -> None:
    weights = root / "base-model" / "model.safetensors"
    spoilt = bytearray(weights.read_bytes())
    spoilt[-1] ^= 1
    weights.write_bytes(spoilt)
    with pytest.raises(DataError, match="sft-1 was trained on another model than base is now"):
        new_library(root, library.versions).policy("sft-1")


def test_another_template_or_system_prompt_is_refused(
    library: Library, tuned: Policy, root: Path
) -> None:
    message = "sft-1 was trained with another tokenizer, chat template or system prompt"
    with pytest.raises(DataError, match=message):
        new_library(root, library.versions, "Be brief.").policy("sft-1")
    template = root / "base-model" / "chat_template.jinja"
    template.write_text(template.read_text().replace("assistant", "model"))
    with pytest.raises(DataError, match=message):
        new_library(root, library.versions).policy("sft-1")


def test_a_base_that_could_run_code_is_refused(library: Library, root: Path) -> None:
    (root / "base-model" / "modeling.py").write_text("")
    with pytest.raises(DataError, match="is code inside a model folder"):
        library.policy("base")


def test_gpt_2_names_its_context_otherwise(
    new_model: Callable[[str], hf.PreTrainedModel], tiny_tokenizer: Any, root: Path
) -> None:
    new_model("gpt2").save_pretrained(root / "gpt2")
    tiny_tokenizer.save_pretrained(root / "gpt2")
    library = new_library(root, {})
    assert library.codec("gpt2").context == library.policy("gpt2").backbone.context == 128


@pytest.mark.parametrize("eos", [7, [7, 2], None])
def test_the_model_s_own_stop_tokens_count(eos: Any, library: Library, root: Path) -> None:
    path = root / "base-model" / "generation_config.json"
    path.write_text(json.dumps({"eos_token_id": eos}))
    assert library.codec("base").stop_ids == ((2,) if eos is None else (2, 7))


def test_a_model_without_generation_settings(library: Library, root: Path) -> None:
    (root / "base-model" / "generation_config.json").unlink()
    assert library.codec("base").stop_ids == (2,)


@pytest.mark.parametrize(
    ("wanted", "expected"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_a_wanted_precision_is_taken(
    wanted: Literal["float32", "bfloat16"], expected: torch.dtype
) -> None:
    assert pick_dtype(wanted) == expected


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
    ],
)
def test_without_a_gpu_the_processor_decides(
    machine: dict[str, bool], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: machine)
    assert pick_device() == "cpu"
    assert pick_dtype("auto") == expected


@pytest.mark.parametrize(
    ("has_bfloat16", "expected"), [(True, torch.bfloat16), (False, torch.float32)]
)
def test_a_gpu_is_taken_where_there_is_one(
    has_bfloat16: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: has_bfloat16)
    assert pick_device() == "cuda"
    assert pick_dtype("auto") == expected


def test_a_digest_sees_one_bit_and_no_order() -> None:
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0])
    first = weights_digest({"a": a, "b": b})
    assert first == weights_digest({"b": b.clone(), "a": a.clone()})
    nudged = torch.nextafter(a, torch.tensor(9.0))
    assert (
        len({first, weights_digest({"a": nudged, "b": b}), weights_digest({"a": b, "b": a})}) == 3
    )
