"""The shape of the model a configuration names, as far as it can be known without a download."""

from pathlib import Path

from huggingface_hub import try_to_load_from_cache

from rather.errors import UsageError
from rather.models.source import HUB_ID, read_json
from rather.planning.shape import KNOWN, Shape, of_size, size_in_name


def shape_of(model: str, root: Path) -> tuple[Shape, str]:
    """The model's shape, and what it was taken from; `root` is where folders are looked for.

    UsageError where neither a folder, the local cache nor the name tells.
    """
    if model == "embedded":
        return KNOWN["135M"], "SmolLM2-135M-Instruct"
    told = root / Path(model).expanduser() / "config.json"
    if told.exists():
        return Shape.from_config(read_json(told)), model
    # an address in object storage is neither; what it holds is not asked for here
    cached = try_to_load_from_cache(model, "config.json") if HUB_ID.fullmatch(model) else None
    if isinstance(cached, str):
        return Shape.from_config(read_json(Path(cached))), model
    if (size := size_in_name(model)) is not None:
        return of_size(size), f"{model}, taken for a usual {size}"
    raise UsageError(
        f"How large {model} is cannot be told without downloading it; give --model-size, like 8B."
    )
