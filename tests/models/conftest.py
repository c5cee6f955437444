"""Tiny models of several families, and what transformers itself says of them, row by row."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
import transformers as hf
from torch import Tensor

from rather.data.batch import Row
from rather.data.tokens import Codec, load_codec
from rather.models.backbone import Backbone
from rather.models.lora import LoraShape

SIZES = {
    "vocab_size": 262,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED = {**SIZES, "num_key_value_heads": 2}
GPT2 = {"vocab_size": 262, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
WINDOW = 4
"""Shorter than every text of these tests."""
CONFIGS: dict[str, Callable[[], hf.PreTrainedConfig]] = {
    "llama": lambda: hf.LlamaConfig(**GROUPED),
    "qwen2": lambda: hf.Qwen2Config(
        **GROUPED, use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1
    ),
    "qwen3": lambda: hf.Qwen3Config(**GROUPED, head_dim=8),
    "mistral": lambda: hf.MistralConfig(**GROUPED, sliding_window=WINDOW),
    "gemma2": lambda: hf.Gemma2Config(
        **GROUPED,
        head_dim=8,
        sliding_window=WINDOW,
        attn_logit_softcapping=2.0,
        final_logit_softcapping=3.0,
        query_pre_attn_scalar=16,
    ),
    "gpt_neox": lambda: hf.GPTNeoXConfig(**SIZES),
    "gpt2": lambda: hf.GPT2Config(**GPT2, bos_token_id=1, eos_token_id=2),
    "deepseek_v3": lambda: hf.DeepseekV3Config(
        **SIZES,
        num_key_value_heads=4,
        kv_lora_rank=16,
        q_lora_rank=16,
        qk_rope_head_dim=8,
        qk_nope_head_dim=8,
        v_head_dim=12,  # values narrower than keys
        first_k_dense_replace=2,
    ),
    "cohere": lambda: hf.CohereConfig(**GROUPED, logit_scale=0.25),
    "granite": lambda: hf.GraniteConfig(**GROUPED, logits_scaling=4.0),
}
FAMILIES = list(CONFIGS)
PADDED: dict[str, Callable[[], hf.PreTrainedConfig]] = {
    "lfm2": lambda: hf.Lfm2Config(**GROUPED, layer_types=["conv", "full_attention"]),
    "gpt_oss": lambda: hf.GptOssConfig(
        **GROUPED, head_dim=8, num_local_experts=4, num_experts_per_tok=2
    ),
    "diffllama": lambda: hf.DiffLlamaConfig(**GROUPED),
    "bloom": lambda: hf.BloomConfig(vocab_size=262, hidden_size=32, n_layer=2, n_head=4),
    "mamba": lambda: hf.MambaConfig(
        vocab_size=262, hidden_size=32, num_hidden_layers=2, state_size=8
    ),
    "falcon_h1": lambda: hf.FalconH1Config(
        **GROUPED,
        mamba_d_ssm=32,
        mamba_n_heads=4,
        mamba_d_head=8,
        mamba_d_state=8,
        lm_head_multiplier=0.5,
    ),
    "recurrent_gemma": lambda: hf.RecurrentGemmaConfig(
        **{**GROUPED, "num_hidden_layers": 3}, lru_width=32, attention_window_size=WINDOW
    ),
}
"""Architectures whose layers would mix neighbours in a pack: convolutions, attention sinks, two
products a layer, biases by distance, recurrences."""


def build(config: hf.PreTrainedConfig, seed: int = 0) -> hf.PreTrainedModel:
    """A random model that is far from uniform, in evaluation mode, with eager attention."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = hf.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.15)
    return model.float().eval()


@pytest.fixture(scope="session")
def new_model() -> Callable[[str], hf.PreTrainedModel]:
    """Builds a model of a family; the same family gives the same weights."""
    return lambda family: build({**CONFIGS, **PADDED}[family]())


@pytest.fixture
def rows() -> list[Row]:
    """Different numbers of completions, all lengths different from their neighbours'."""
    generator = torch.Generator().manual_seed(7)

    def ids(length: int) -> tuple[int, ...]:
        return tuple(torch.randint(3, 262, (length,), generator=generator).tolist())

    return [
        Row(ids(7), (ids(5), ids(2), ids(9))),
        Row(ids(3), (ids(1),)),
        Row(ids(11), (ids(6), ids(4))),
    ]


def _separate_logprobs(model: hf.PreTrainedModel, rows: Sequence[Row]) -> list[Tensor]:
    found = []
    for row in rows:
        for completion in row.completions:
            logits = model(torch.tensor([[*row.prompt_ids, *completion]]), use_cache=False).logits
            start = len(row.prompt_ids) - 1
            predicted = logits[0, start : start + len(completion)].log_softmax(dim=-1)
            found.append(predicted[torch.arange(len(completion)), torch.tensor(completion)])
    return found


@pytest.fixture(scope="session")
def separate_logprobs() -> Callable[[hf.PreTrainedModel, Sequence[Row]], list[Tensor]]:
    """log π of each completion's tokens by transformers alone: one sequence at a time, no pads."""
    return _separate_logprobs


@pytest.fixture
def loud() -> Callable[..., str]:
    """Adds an adapter that changes every logit."""

    def add(backbone: Backbone, name: str = "loud", seed: int = 3) -> str:
        backbone.add_adapter(name, LoraShape(4, 8.0, backbone.linear_layers.names), seed)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in backbone.adapter_parameters(name).values():
                parameter.normal_(0.0, 0.2, generator=generator)
        return name

    return add


@pytest.fixture
def codec(tiny_model: Path) -> Codec:
    return load_codec(tiny_model, 256, ())
