"""From the configuration to a vLLM backend: what it is started with, what it may be given."""

from collections.abc import Callable, Iterable
from pathlib import Path

from rather.config.serving import Serving
from rather.models.library import Library, pick_dtype
from rather.models.source import read_json
from rather.records import ModelVersion
from rather.serving.local.admission import Admission
from rather.serving.local.backend import LocalBackend
from rather.serving.vllm import installed
from rather.serving.vllm.adapters import Registry, Vetted, rank_for
from rather.serving.vllm.backend import Limits, VllmBackend
from rather.serving.vllm.judges import Judges
from rather.serving.vllm.process import Launch


def open_backend(
    library: Library,
    find: Callable[[str], ModelVersion | None],
    section: Serving,
    log: Path,
    say: Callable[[str], None],
) -> VllmBackend:
    """A backend that starts vLLM on the library's base; EnvironmentFault where there is none."""
    max_rank = rank_for(ranks(library, library.versions.values(), section.max_rank))
    dtype = str(pick_dtype(library.dtype)).removeprefix("torch.")
    python = installed.find_python(section.vllm)
    launch = Launch(
        installed.command(
            section.vllm,
            library.folder_of("base"),
            dtype,
            max_rank=max_rank,
            resident_adapters=section.resident_adapters,
        ),
        installed.environment(python),
        log,
        section.vllm.start_timeout_s,
    )
    limits = Limits(
        section.vllm.max_running,
        section.queue_size,
        max_rank,
        section.watchdog_seconds,
        section.vllm.hang_timeout_s,
    )
    admission = Admission(library, find, section.max_rank)

    def vet(name: str) -> Vetted:
        folder, shape = admission.shape(name)
        return Vetted(folder, shape.rank)

    def is_reward(name: str) -> bool:
        version = find(name)
        return version is not None and version.stage == "reward"

    return VllmBackend(
        launch,
        library.codec("base").stop_ids,
        limits,
        Registry(vet, is_reward),
        Judges(LocalBackend(library, find, section)),
        say,
    )


def ranks(library: Library, versions: Iterable[ModelVersion], most: int) -> list[int]:
    """The ranks of the policies' adapters that may be served."""
    folders = [library.root / version.path for version in versions if version.stage != "reward"]
    told = [read_json(folder / "adapter_config.json").get("r") for folder in folders]
    return [rank for rank in told if isinstance(rank, int) and rank <= most]
