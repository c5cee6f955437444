"""docs/cluster.md: its names are those of the code, its scripts are what their readers take."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
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


def test_shellcheck_finds_nothing_in_the_slurm_script(cluster: str) -> None:
    script = block(cluster, "bash")
    command = [str(Path(sys.executable).with_name("shellcheck")), "--severity=style", "-"]
    found = subprocess.run(command, input=script, text=True, capture_output=True)
    assert (found.returncode, found.stdout) == (0, "")
    assert script.startswith("#!/bin/bash\n#SBATCH")


def test_kubernetes_takes_what_is_written(cluster: str) -> None:
    for one in yaml.safe_load_all(block(cluster, "yaml")):
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)


def test_kubernetes_would_refuse_a_word_it_does_not_know(cluster: str) -> None:
    _, job = yaml.safe_load_all(block(cluster, "yaml"))
    job["spec"]["completion"] = 2
    with pytest.raises(kubernetes_validate.ValidationError, match="completion"):
        kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)


def test_the_pods_find_the_first_one_where_the_service_names_it(cluster: str) -> None:
    service, job = yaml.safe_load_all(block(cluster, "yaml"))
    spec = job["spec"]["template"]["spec"]
    assert spec["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"]["job-name"] == job["metadata"]["name"]
    # a pod of an indexed job is called by the job's name and its index, in the service's domain
    first = f"{job['metadata']['name']}-0.{service['metadata']['name']}:29400"
    assert f"--rdzv-endpoint={first}" in spec["containers"][0]["command"]
    assert job["spec"]["completions"] == job["spec"]["parallelism"] == 2
