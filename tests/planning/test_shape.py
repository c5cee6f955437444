"""Models in numbers: known ones, scaled ones, and what a config.json says."""

import json
from pathlib import Path

import pytest

from rather.errors import DataError, UsageError
from rather.planning.shape import KNOWN, Shape, num_weights, of_size, size_in_name

TINY = Shape(2, 4, 4, 2, 6, 10, rank=1)
"""q 4·4, k 4·2, v 4·2, o 4·4, gate 4·6, up 4·6, down 6·4: 120 weights a layer."""


def test_weights_by_hand() -> None:
    assert TINY.linear_weights == 240
    assert TINY.num_weights == 240 + 5 * 4 + 40  # two norms a layer and a last one; one table
    assert TINY.adapter_weights(2) == 2 * 58
    untied = Shape(2, 4, 4, 2, 6, 10, is_tied=False)
    assert untied.num_weights == TINY.num_weights + 40


@pytest.mark.parametrize(
    ("name", "published"),
    [("135M", 134.5e6), ("0.5B", 494e6), ("1B", 1.236e9), ("7B", 7.242e9), ("8B", 8.030e9)],
)
def test_known_models_have_the_weights_their_makers_say(name: str, published: float) -> None:
    assert KNOWN[name].num_weights == pytest.approx(published, rel=0.002)


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_size_is_about_its_name(name: str) -> None:
    assert KNOWN[name].num_weights == pytest.approx(num_weights(name), rel=0.3)
    assert of_size(name) == KNOWN[name]


def test_an_unknown_size_is_the_nearest_scaled_to_it() -> None:
    found = of_size("20B")
    assert found.num_layers == KNOWN["14B"].num_layers
    assert found.num_weights == pytest.approx(20e9, rel=0.03)
    assert found.width > KNOWN["14B"].width


def test_a_size_as_people_write_it() -> None:
    assert [num_weights(text) for text in ("8B", "1.5b", "135M", " 70 B")] == [
        8e9,
        1.5e9,
        135e6,
        70e9,
    ]


@pytest.mark.parametrize("text", ["big", "8", "0B", "8BB", "-1B", ""])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no size; write it like 8B"):
        of_size(text)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "7B"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "135M"),
        ("meta-llama/Llama-3.2-1B", "1B"),
        ("org/nothing", None),
        ("8B-lab/mystery", None),
    ],
)
def test_the_size_in_a_name(name: str, size: str | None) -> None:
    assert size_in_name(name) == size


def test_a_folder(tiny_model: Path) -> None:
    found = Shape.of(tiny_model)
    assert (found.num_layers, found.width, found.key_value_width) == (2, 32, 16)
    assert (found.num_heads, found.is_tied, found.file_dtype) == (4, False, "float32")
    assert found.num_weights == 35_360  # as the doctor counts them


def test_a_model_of_another_shape_is_refused() -> None:
    config = {"num_attention_heads": 4, "hidden_size": 32}
    with pytest.raises(DataError, match=r"has no 'num_hidden_layers'.*give --model-size"):
        Shape.from_config(json.loads(json.dumps(config)))
