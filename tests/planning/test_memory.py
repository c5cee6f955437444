"""Memory, role by role: by hand, and against what PyTorch keeps for the gradient."""

from dataclasses import replace

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from transformers import LlamaConfig, LlamaForCausalLM

from rather.config.stages import Config
from rather.data.batch import Row, pack
from rather.models.backbone import Backbone
from rather.models.lora import LoraShape
from rather.planning.hardware import Hardware
from rather.planning.memory import kept_for_gradient, memory_of
from rather.planning.shape import Shape
from rather.planning.stages import Load, Thrift, Trunk, load_of

CARD = Hardware("card", 1, 10e9, 1e12, 1e11, 1e11, 1e10)
TINY = Shape(2, 4, 4, 2, 6, 10, rank=1)
SHAPE = Shape(2, 64, 64, 32, 128, 96, rank=4, num_heads=4)


def bytes_kept(num_layers: int, *, is_full: bool) -> tuple[int, float, int]:
    """Bytes PyTorch keeps of a pass, keys a head looks at on average (on its grid), tokens."""
    config = LlamaConfig(
        vocab_size=96,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=num_layers,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    torch.manual_seed(0)
    backbone = Backbone(LlamaForCausalLM(config).to(torch.bfloat16))
    adapter = None
    if is_full:
        backbone = backbone.trainable_copy()
    else:
        adapter = "learning"
        backbone.add_adapter(adapter, LoraShape(4, 8.0, backbone.linear_layers.names))
        for parameter in backbone.adapter_parameters(adapter).values():
            parameter.requires_grad_(True)
    batch = pack([Row(tuple(range(40)), (tuple(range(30)), tuple(range(30)))) for _ in range(3)])
    weights = {p.untyped_storage().data_ptr() for p in backbone.model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        held = backbone.hidden(batch, adapter).float().sum()  # the graph lives as long as this
    assert held.requires_grad
    # 40 tokens look at 40 places, 60 at 70
    return sum(kept.values()), (40 * 40 + 60 * 70) / 100, batch.num_tokens


@pytest.mark.parametrize("is_full", [False, True])
def test_what_is_kept_for_the_gradient_is_what_torch_keeps(is_full: bool) -> None:
    more, keys, tokens = bytes_kept(4, is_full=is_full)
    less, _, _ = bytes_kept(2, is_full=is_full)
    measured = (more - less) / 2 / tokens
    assert kept_for_gradient(SHAPE, 2, is_full=is_full, keys=keys) == pytest.approx(
        measured, rel=0.02
    )


def test_an_update_of_adapters_by_hand() -> None:
    load = Load("sft", [(3, (2,))] * 4, 10, (Trunk("policy", 2),))
    found = memory_of(TINY, load, CARD, 2)
    assert found.parts == {
        "interpreter and libraries": 1.5e9,
        "frozen backbone": 300 * 2,
        "policy, learning": 16 * (2 * 58 + 4),
    }
    # two rows of five tokens; a token looks at 2·(6 + 2·3 + 3)/5 = 6 keys
    kept = 10 * 2 * 2 * (16 + 8 + 4 + 12 + 7 + 1 * 6)
    assert found.learning == kept + 256 * 10 * 14
    assert found.peak == sum(found.parts.values()) + 1.2 * found.learning
    one_row = memory_of(TINY, replace(load, num_minibatches=4), CARD, 2)
    assert one_row.learning == kept / 2 + 256 * 10 * 14


def test_a_reward_model_brings_the_layers_it_reads_to_memory() -> None:
    load = Load("reward", [(3, (2, 2))], 10, (Trunk("reward model", 1),), has_logits=False)
    cpu = replace(CARD, is_cpu=True)
    # one of two layers of 120 weights; neither the embeddings nor the other
    assert memory_of(TINY, load, cpu, 2).parts["frozen backbone"] == 120 * 2
    assert memory_of(TINY, load, CARD, 2).parts["frozen backbone"] == 300 * 2
    assert memory_of(TINY, load, cpu, 4).parts["frozen backbone"] == 300 * 4
    with_logits = replace(load, has_logits=True)
    assert memory_of(TINY, with_logits, cpu, 2).parts["frozen backbone"] == 300 * 2
    in_four_bits = memory_of(TINY, load, cpu, 2, True).parts["frozen backbone"]
    assert in_four_bits == 240 * 0.5625 + 60 * 2


def test_full_copies_are_spread_over_the_ranks_and_adapters_are_not() -> None:
    full = Load("sft", [(3, (2,))], 10, (Trunk("policy", 2, is_full=True),))
    thin = Load("sft", [(3, (2,))], 10, (Trunk("policy", 2),))
    four = replace(CARD, count=4)
    assert memory_of(TINY, full, CARD, 2).parts["policy, learning"] == 16 * 300
    assert memory_of(TINY, full, four, 2).parts["policy, learning"] == 4 * 300
    assert memory_of(TINY, full, CARD, 2).parts["frozen backbone"] == 4 * 300
    assert memory_of(TINY, thin, CARD, 2).parts == memory_of(TINY, thin, four, 2).parts


def test_what_settings_save() -> None:
    full = Load("sft", [(3, (2,))] * 4, 10, (Trunk("policy", 2, is_full=True),))
    small = replace(full, thrift=Thrift(moment_bytes=2, is_sharded=False))
    found = memory_of(TINY, small, replace(CARD, count=4), 2)
    assert found.parts["policy, learning"] == 10 * 300
    thin = Load("sft", [(3, (2,))] * 4, 10, (Trunk("policy", 2),), has_logits=False)
    again = replace(thin, thrift=Thrift(recomputes=True))
    one_layer = 10 * 2 * (16 + 8 + 4 + 12 + 7 + 6)
    assert memory_of(TINY, again, CARD, 2).learning == one_layer + 10 * 2 * 4 * 2
    # 240 weights in 4 bits, norms and the table in two bytes
    assert memory_of(TINY, thin, CARD, 2, True).parts["frozen backbone"] == 240 * 0.5625 + 60 * 2


def test_what_ranks_share_is_put_together_while_it_writes() -> None:
    load = Load("ppo", [(3, (2,))], 10, (Trunk("policy", 2, is_full=True),), writes=True)
    alone = memory_of(TINY, load, CARD, 2).writing
    cache = 5 * 2 * 2 * 4 * 2 * 9 / 8
    shared = memory_of(TINY, load, replace(CARD, count=4), 2).writing
    assert shared == alone - cache * 3 / 4 + 4 * 300 * 3 / 4


def test_writing_keeps_keys_and_values_and_on_a_cpu_weights_that_are_not_the_file_s() -> None:
    load = replace(Load("ppo", [(3, (2, 2))] * 4, 10, (Trunk("policy", 2),)), writes=True)
    logits = 256 * 10 * 14
    # 4 rows · (3 + 2 + 2) tokens · keys and values of width 2 · 2 bytes · 2 layers, an eighth spare
    cache = 4 * 7 * 2 * 2 * 2 * 2 * 9 / 8
    assert memory_of(TINY, load, CARD, 2).writing == cache + logits
    cpu = replace(CARD, is_cpu=True)
    assert memory_of(TINY, load, cpu, 2).writing == cache + logits
    wide = replace(TINY, file_dtype="float32")
    assert memory_of(wide, load, cpu, 2).writing == cache + logits + 2 * 240
    assert memory_of(TINY, load, cpu, 4).writing == 2 * cache + 256 * 10 * 16


def test_who_only_looks_is_as_precise_as_the_backbone() -> None:
    members = (Trunk("reward model", 1, num_copies=3),)
    load = Load("ppo", [(3, (2,))], 10, (Trunk("policy", 2),), looking=members)
    # 58 weights of an adapter on one layer
    assert memory_of(TINY, load, CARD, 2).parts["reward model"] == 2 * 58 * 3
    assert memory_of(TINY, load, CARD, 4).parts["reward model"] == 4 * 58 * 3


def test_roles_of_ppo() -> None:
    config = Config.model_validate(
        {"ppo": {"advantage": "gae"}, "reward": {"ensemble": 3, "depth": 0.5}}
    )
    load = load_of("ppo", config, TINY, 8, 4)
    assert load.learning == (Trunk("policy", 2), Trunk("critic", 1))
    assert load.looking == (Trunk("reward model", 1, num_copies=3),)
    assert load.num_minibatches == 1
    rloo = Config.model_validate({"ppo": {"advantage": "rloo", "num_minibatches": 5}})
    assert load_of("ppo", rloo, TINY, 8, 4).num_minibatches == 5
    assert load_of("ppo", rloo, TINY, 8, 4).learning == (Trunk("policy", 2),)
    trunk = Config.model_validate({"ppo": {"critic": {"value_model": "trunk"}}})
    assert load_of("ppo", trunk, TINY, 8, 4).learning == (Trunk("policy", 2),)
    thrifty = {"sft": {"optimizer": "adamw_8bit", "adapter": {"gradient_checkpointing": True}}}
    found = load_of("sft", Config.model_validate(thrifty), TINY, 8, 4).thrift
    assert found == Thrift(moment_bytes=2, recomputes=True)
    top = {"adapter": {"tuning": "top_layers", "num_top_layers": 1}}
    for stage in ("ppo", "dpo"):
        found = load_of(stage, Config.model_validate({stage: top}), TINY, 8, 4)
        assert (found.learning[0].num_layers, found.keeps_lower) == (1, True)
