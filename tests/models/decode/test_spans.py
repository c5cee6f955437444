"""Keys and values of a text: cut without copying, copied on demand, gone on from."""

import torch
from torch import Tensor

from rather.models.decode.spans import Growing, Layer, Span


def keys(*tokens: float) -> Tensor:
    """[1, t, 2], each token's number twice."""
    return torch.tensor(tokens, dtype=torch.float32)[None, :, None].expand(1, -1, 2)


def span(*tokens: float) -> Span:
    """Two layers; values are narrower than keys, and negative; the second is 100 more."""
    layers = [Layer(keys(*t), -keys(*t)[..., :1]) for t in (tokens, [n + 100 for n in tokens])]
    return Span(tuple(layers))


def numbers(found: Span, layer: int = 0) -> list[float]:
    assert torch.equal(found.layers[layer].k[..., :1], -found.layers[layer].v)
    return found.layers[layer].k[0, :, 0].tolist()


def test_a_cut_shares_memory_and_a_copy_does_not() -> None:
    whole = span(1, 2, 3, 4).copied()
    part = whole.cut(1, 3)
    assert numbers(part) == [2, 3]
    assert numbers(part, layer=1) == [102, 103]
    assert part.num_tokens == 2
    assert part.num_bytes == 2 * 2 * (2 + 1) * 4  # tokens, layers, numbers of key and value, bytes
    own = part.copied()
    whole.layers[0].k.fill_(9)
    assert part.layers[0].k[0, :, 0].tolist() == [9, 9]
    assert numbers(own) == [2, 3]
    assert own.layers[0].k.untyped_storage().nbytes() == 2 * 2 * 4  # nothing of the rest is held


def test_a_prompt_grows_from_what_is_known() -> None:
    prompt = Growing(6)
    prompt.add(span(1, 2))
    prompt.add(span(3))
    assert prompt.filled == 3
    for number, layer in enumerate(span(4, 5).layers):
        seen = prompt.write(number, 3, layer)
        assert seen.k[0, :, 0].tolist() == [n + 100 * number for n in (1, 2, 3, 4, 5)]
    assert numbers(prompt.span) == [1, 2, 3]  # the new ones count once they are said to
    prompt.filled = 5
    assert numbers(prompt.span, layer=1) == [101, 102, 103, 104, 105]
