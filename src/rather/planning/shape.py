"""A Llama-shaped model in numbers: from its size, its name, or its config.json."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rather.errors import DataError, UsageError

SIZE = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*([BbMm])(?![A-Za-z])")


@dataclass(frozen=True)
class Shape:
    """A Llama-shaped model in numbers."""

    num_layers: int
    width: int
    attention_width: int
    """Heads times head width."""
    key_value_width: int
    feed_forward_width: int
    vocabulary: int
    rank: int = 16
    """Of the adapters."""
    num_heads: int = 1
    is_tied: bool = True
    """Whether the head's weights are the embedding's."""
    file_dtype: str = "bfloat16"
    """Precision of the numbers in its file."""

    @classmethod
    def of(cls, folder: Path) -> "Shape":
        """The shape of a model folder."""
        return cls.from_config(json.loads((folder / "config.json").read_text("utf-8")))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Shape":
        """The shape a config.json describes; DataError where it is not Llama-shaped."""
        try:
            heads = config["num_attention_heads"]
            head = config.get("head_dim") or config["hidden_size"] // heads
            return cls(
                num_layers=config["num_hidden_layers"],
                width=config["hidden_size"],
                attention_width=head * heads,
                key_value_width=head * (config.get("num_key_value_heads") or heads),
                feed_forward_width=config["intermediate_size"],
                vocabulary=config["vocab_size"],
                num_heads=heads,
                is_tied=bool(config.get("tie_word_embeddings", True)),
                file_dtype=config.get("dtype") or config.get("torch_dtype") or "float32",
            )
        except KeyError as error:
            raise DataError(
                f"The model's config.json has no {error}, so its shape is unknown here; give "
                "--model-size instead."
            ) from None

    @property
    def linear_layers(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of a decoder layer's q, k, v, o, gate, up and down."""
        d, a, kv, ff = (
            self.width,
            self.attention_width,
            self.key_value_width,
            self.feed_forward_width,
        )
        return [(d, a), (d, kv), (d, kv), (a, d), (d, ff), (d, ff), (ff, d)]

    @property
    def layer_weights(self) -> int:
        """P: weights of a decoder layer."""
        return sum(inputs * outputs for inputs, outputs in self.linear_layers)

    @property
    def layer_widths(self) -> int:
        """W: inputs and outputs of a decoder layer's linear layers, added up."""
        return sum(inputs + outputs for inputs, outputs in self.linear_layers)

    @property
    def linear_weights(self) -> int:
        """Weights of all decoder layers' linear layers."""
        return self.num_layers * self.layer_weights

    @property
    def num_weights(self) -> int:
        """All weights: decoder layers with two norms each, embedding, last norm, head."""
        norms = (2 * self.num_layers + 1) * self.width
        tables = (1 if self.is_tied else 2) * self.vocabulary * self.width
        return self.linear_weights + norms + tables

    def adapter_weights(self, num_layers: int) -> int:
        """Weights of an adapter on all linear layers of so many decoder layers: r·W each."""
        return num_layers * self.rank * self.layer_widths


KNOWN = {
    "135M": Shape(30, 576, 576, 192, 1536, 49152, num_heads=9),
    "360M": Shape(32, 960, 960, 320, 2560, 49152, num_heads=15),
    "0.5B": Shape(24, 896, 896, 128, 4864, 151936, num_heads=14),
    "1B": Shape(16, 2048, 2048, 512, 8192, 128256, num_heads=32),
    "1.7B": Shape(24, 2048, 2048, 2048, 8192, 49152, num_heads=32),
    "3B": Shape(28, 3072, 3072, 1024, 8192, 128256, num_heads=24),
    "7B": Shape(32, 4096, 4096, 1024, 14336, 32000, num_heads=32, is_tied=False),
    "8B": Shape(32, 4096, 4096, 1024, 14336, 128256, num_heads=32, is_tied=False),
    "14B": Shape(40, 5120, 5120, 1024, 17408, 151936, num_heads=40, is_tied=False),
    "32B": Shape(64, 5120, 8192, 1024, 25600, 151936, num_heads=64, is_tied=False),
    "70B": Shape(80, 8192, 8192, 1024, 28672, 128256, num_heads=64, is_tied=False),
}
"""Models that many people have, by their usual size: SmolLM2, Qwen2.5 and 3, Llama 3, Mistral."""
HEAD_WIDTH = 64
NEAR = 1.3
"""Names are rounded: what is called 1B has up to 1.24 billion weights."""


def of_size(text: str) -> Shape:
    """The shape of a size like 8B or 135M: a known one, or the nearest known one scaled to it.

    UsageError for what is no size.
    """
    wanted = num_weights(text)
    nearest = min(KNOWN.values(), key=lambda shape: abs(_ratio(shape.num_weights, wanted) - 1))
    if _ratio(nearest.num_weights, wanted) < NEAR:
        return nearest
    # layers' weights grow with the square of the width, tables with the width itself
    width = HEAD_WIDTH
    while _scaled(nearest, width + HEAD_WIDTH).num_weights <= wanted:
        width += HEAD_WIDTH
    return _scaled(nearest, width)


def num_weights(text: str) -> float:
    """How many weights a size means: 8B is 8e9; UsageError for what is no size."""
    found = SIZE.fullmatch(text.strip())
    if not found or float(found[1]) == 0:
        raise UsageError(f"--model-size {text} is no size; write it like 8B, 1.5B or 135M.")
    return float(found[1]) * {"B": 1e9, "M": 1e6}[found[2].upper()]


def size_in_name(name: str) -> str | None:
    """The size that a model's name tells (Qwen/Qwen2.5-7B-Instruct: 7B), None where it has none."""
    found = SIZE.search(name.rpartition("/")[2])
    return f"{found[1]}{found[2].upper()}" if found else None


def _ratio(one: float, other: float) -> float:
    return max(one, other) / min(one, other)


def _scaled(shape: Shape, width: int) -> Shape:
    by = width / shape.width

    def part(size: int) -> int:
        return max(HEAD_WIDTH, round(size * by / HEAD_WIDTH) * HEAD_WIDTH)

    return replace(
        shape,
        width=width,
        attention_width=part(shape.attention_width),
        key_value_width=part(shape.key_value_width),
        feed_forward_width=part(shape.feed_forward_width),
        num_heads=max(1, round(shape.num_heads * by)),
    )
