"""vLLM on the CPU, with a LoRA adapter or without; by wall, for it binds threads of its own."""

import json
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from vllm import LLM, SamplingParams
from vllm.lora.request import LoRARequest

from benchmarks.speed.pace import Pace, read_request

RANK = 16


def adapter_folder(model: Path, folder: Path) -> Path:
    """A PEFT adapter on all linear layers, its numbers small and random, as ours in this race."""
    config = json.loads((model / "config.json").read_text("utf-8"))
    d, ff = config["hidden_size"], config["intermediate_size"]
    a = config["head_dim"] * config["num_attention_heads"]
    kv = config["head_dim"] * config["num_key_value_heads"]
    widths = {
        "self_attn.q_proj": (d, a),
        "self_attn.k_proj": (d, kv),
        "self_attn.v_proj": (d, kv),
        "self_attn.o_proj": (a, d),
        "mlp.gate_proj": (d, ff),
        "mlp.up_proj": (d, ff),
        "mlp.down_proj": (ff, d),
    }
    weights = {}
    for layer in range(config["num_hidden_layers"]):
        for name, (inputs, outputs) in widths.items():
            at = f"base_model.model.model.layers.{layer}.{name}"
            weights[f"{at}.lora_A.weight"] = 0.02 * torch.randn(RANK, inputs)
            weights[f"{at}.lora_B.weight"] = 1e-3 * torch.randn(outputs, RANK)
    save_file(weights, folder / "adapter_model.safetensors")
    told = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": RANK,
        "lora_alpha": 2 * RANK,
        "target_modules": sorted({name.split(".")[-1] for name in widths}),
        "base_model_name_or_path": str(model),
    }
    (folder / "adapter_config.json").write_text(json.dumps(told), "utf-8")
    return folder


def main() -> None:
    """Answer the request's prompts again and again, each by as many tokens as is allowed."""
    request, pace = read_request(), Pace()
    work, with_adapter = request["workload"], request["settings"]["adapter"]
    llm = LLM(
        request["model"],
        dtype="bfloat16",
        enforce_eager=request["settings"]["eager"],
        max_model_len=512,
        max_num_seqs=256,
        enable_prefix_caching=False,
        enable_lora=with_adapter,
        max_lora_rank=RANK,
        seed=0,
    )
    sampling = SamplingParams(
        n=work["num_samples"],
        temperature=1.0,
        max_tokens=work["max_new_tokens"],
        ignore_eos=True,
        detokenize=False,
    )
    prompts = [{"prompt_token_ids": ids} for ids in work["prompts"]]
    with tempfile.TemporaryDirectory() as folder:
        adapter = None
        if with_adapter:
            where = adapter_folder(Path(request["model"]), Path(folder))
            adapter = LoRARequest("policy", 1, str(where))
        while True:
            pace.begin()
            answers = llm.generate(prompts, sampling, use_tqdm=False, lora_request=adapter)
            pace.end(tokens=sum(len(one.token_ids) for all_ in answers for one in all_.outputs))


if __name__ == "__main__":
    main()
