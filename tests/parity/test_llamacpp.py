"""A merged model, converted by llama.cpp's own converter, says there what it says to transformers.

`make test-vllm` installs llama.cpp beside the project and runs this.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from rather.models.embedded import embedded_folder
from rather.models.files.merging import Delta, merge
from rather.models.library import Library
from rather.records import Message, Prompt

HERE = Path(__file__).parent
LLAMA_CPP = HERE.parents[1] / ".oracles" / "llamacpp"
NUM_TOKENS = 12
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (LLAMA_CPP / ".ready").exists(),
        reason="no llama.cpp here; `make test-vllm` installs it",
    ),
]


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model in float32 with a loud random adapter in it."""
    root = tmp_path_factory.mktemp("merged")
    library = Library(root, "embedded", "float32", {})
    base = library.folder_of("base")
    skeleton, deltas = library.skeleton(base), {}
    generator = torch.Generator().manual_seed(0)
    for name in skeleton.linear_layers.names:
        outputs, inputs = skeleton.model.get_submodule(name).weight.shape
        a = torch.empty(8, inputs).uniform_(-0.04, 0.04, generator=generator)
        b = torch.empty(outputs, 8).normal_(0.0, 0.05, generator=generator)
        deltas[name] = Delta(a, b, 2.0, is_transposed=False)
    (root / "plain").mkdir()
    merge(base, deltas, root / "plain", torch.float32)
    return root / "plain"


def run(*command: str | Path, packages: str) -> str:
    """A program on llama.cpp's packages, beside those of this environment."""
    environment = {**os.environ, "PYTHONPATH": packages, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *map(str, command)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_llama_cpp_says_what_transformers_says(merged: Path, tmp_path: Path) -> None:
    packages, gguf = str(LLAMA_CPP / "packages"), tmp_path / "model.gguf"
    converter = LLAMA_CPP / "convert_hf_to_gguf.py"
    both = os.pathsep.join([str(LLAMA_CPP / "gguf-py"), packages])
    run(converter, merged, "--outfile", gguf, "--outtype", "f32", packages=both)

    codec = Library(tmp_path, str(merged), "float32", {}).codec("base")
    ids = codec.prompt_ids(Prompt("p", (Message("user", "Name three fruits."),), "train"))
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"prompt_ids": ids, "num_tokens": NUM_TOKENS}))
    told = json.loads(run(HERE / "llamacpp.py", gguf, request, packages=packages).splitlines()[-1])

    model = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = model(torch.tensor([[*ids, *told["ids"]]])).logits[0, len(ids) - 1 : -1]
        base = AutoModelForCausalLM.from_pretrained(embedded_folder(), dtype=torch.float32).eval()
        before = base(torch.tensor([ids])).logits[0, -1]
    assert logits.argmax(-1).tolist() == told["ids"]
    ours = logits.log_softmax(-1)[range(len(told["ids"])), told["ids"]].tolist()
    assert told["logprobs"] == pytest.approx(ours, abs=5e-3)
    assert told["text"] == AutoTokenizer.from_pretrained(merged).decode(
        told["ids"], skip_special_tokens=True
    )
    assert (logits[0] - before).abs().max() > 1, "the adapter changes nothing: a test of nothing"
