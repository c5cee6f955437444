"""Which weights a version has: an adapter's are those it sits on, a whole model has its own."""

from collections.abc import Mapping

from rather.records import ModelVersion


def is_whole(version: ModelVersion) -> bool:
    """Whether a version was trained with `tuning: full`, and is a model by itself."""
    return version.provenance.get("section", {}).get("adapter", {}).get("tuning") == "full"


def home_of(version: ModelVersion, versions: Mapping[str, ModelVersion], model: str) -> str | None:
    """`base`, or the whole version whose weights a version has or sits on; None where it is another
    model than the workspace's (`model`)."""
    if is_whole(version):
        return version.name
    if version.base == model:
        return "base"
    # what grows from a whole model names its folder
    return next(
        (one.name for one in versions.values() if is_whole(one) and one.path == version.base), None
    )
