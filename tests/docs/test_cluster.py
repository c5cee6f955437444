"""docs/cluster.md: its names are those of the code, its scripts are what their readers take."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from torch.distributed.run import get_args_parser

from rather.cli.app import RUN_TOGETHER
from rather.config.settings import all_settings

LAUNCH = re.compile(r"torchrun (?:.*\\\n)*.*-m rather.*")


@pytest.fixture
def cluster(page: Callable[[str], str]) -> str:
    return page("cluster.md")


def block(text: str, language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_its_names_are_there(
    cluster: str,
    broken_pointers: Callable[[str], list[str]],
    broken_links: Callable[[str], list[str]],
    unknown_settings: Callable[[str], list[str]],
) -> None:
    assert broken_pointers(cluster) == []
    assert broken_links(cluster) == []
    assert unknown_settings(cluster) == []


def test_its_settings_belong_to_every_stage_that_trains(cluster: str) -> None:
    known = {setting.path for setting in all_settings()}
    for name in ("adapter.gradient_checkpointing", "adapter.sharded", "optimizer"):
        assert f"`{name}`" in cluster
        assert {f"{stage}.{name}" for stage in RUN_TOGETHER} <= known


def launched(words: list[str]) -> Any:
    """What torchrun makes of its command line; it ends the process where it knows a flag not."""
    return get_args_parser().parse_args(words)


def test_torchrun_knows_every_flag(cluster: str) -> None:
    lines = [line.replace("\\\n", " ") for line in LAUNCH.findall(cluster)]
    assert len(lines) == 3  # the first one, one node, Slurm
    commands = [shlex.split(line)[1:] for line in lines]
    [kubernetes] = [
        one["spec"]["template"]["spec"]["containers"][0]["command"][1:]
        for one in yaml.safe_load_all(block(cluster, "yaml"))
        if one["kind"] == "Job"
    ]
    for words in (*commands, kubernetes):
        found = launched(words)
        assert (found.module, found.training_script) == (True, "rather")
        assert found.training_script_args[0] in RUN_TOGETHER
    assert launched(kubernetes).nnodes == "2"


def test_a_shell_takes_the_slurm_script(cluster: str) -> None:
    script = block(cluster, "bash")
    assert subprocess.run(["bash", "-n"], input=script, text=True, env=os.environ).returncode == 0
    assert script.startswith("#!/bin/bash\n#SBATCH")


def test_the_pods_find_the_first_one_where_the_service_names_it(cluster: str) -> None:
    service, job = yaml.safe_load_all(block(cluster, "yaml"))
    spec = job["spec"]["template"]["spec"]
    assert spec["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"]["job-name"] == job["metadata"]["name"]
    # a pod of an indexed job is called by the job's name and its index, in the service's domain
    first = f"{job['metadata']['name']}-0.{service['metadata']['name']}:29400"
    assert f"--rdzv-endpoint={first}" in spec["containers"][0]["command"]
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == 2
