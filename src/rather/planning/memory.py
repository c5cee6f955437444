"""How much memory a stage takes on one rank, role by role.

With P weights, A weights of an adapter, S tokens of a microbatch, b bytes a number of the backbone
(2 in bfloat16), and per layer the widths d, a (attention), v (keys, values), f (feed-forward), rank
r, H heads that look at K keys on average:

    backbone        P·b; on a CPU, in its file's precision, a reward model only the layers it reads
    an adapter      16·A while it learns (float32: weight, gradient, two moments of Adam), else A·b
    a full copy     16·P, and the frozen backbone in float32 beside it; over R ranks 16·P/R, but the
                    whole copy, 4·P, while it writes
    adamw_8bit      2 bytes of moments instead of 8; dtype 4bit: 0.5625 a weight of the layers
    kept for the gradient, a layer and token
                    adapters   b·(4d + 2a + 2v + 2f + 7r + H·K)
                    all        4·(4d + 2a + 2v + 4f + H·K)
                    gradient checkpointing: b·d, and one layer's of the above
    logits          256 tokens' at once, and their probabilities: 256·V·(3·4 + b)
    while it writes keys and values: rows·length·2v·b a layer, an eighth spare; on a CPU in bfloat16
                    the weights once more, laid out for decoding, unless their file is in bfloat16
                    too: then the memory of those in the file is given back

What is kept for the gradient was counted on the tensors that PyTorch keeps (tests/planning).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rather.planning.hardware import Hardware
from rather.planning.shape import Shape
from rather.planning.stages import Load, Trunk
from rather.planning.work import num_attended, num_tokens

LOGITS_AT_ONCE = 256
KEPT_WEIGHTS = 1 << 22
"""Attention weights of a layer that are kept; more are made again."""
SPARE = 9 / 8
"""A cache has an eighth more room than it needs."""
FOUR_BITS = 0.5 + 4 / 64
"""Bytes of a weight in 4 bits, with its share of its block's scale."""
FILE_BYTES = {"bfloat16": 2, "float32": 4}
"""Bytes a number, of precisions that weights are computed with as they lie in their file."""
HOLES = 1.2
"""What an allocator holds beyond what is asked for."""


@dataclass(frozen=True)
class Memory:
    """Bytes on one rank, by what they are for."""

    parts: dict[str, float]
    """Held all the time, by role."""
    learning: float
    """On top of it while a gradient is taken."""
    writing: float
    """On top of it while completions are sampled."""

    @property
    def by_use(self) -> dict[str, float]:
        """All of it; of learning and writing only the larger counts towards the peak."""
        return {**self.parts, "while learning": self.learning, "while writing": self.writing}

    @property
    def peak(self) -> float:
        """The most at any time."""
        return sum(self.parts.values()) + HOLES * max(self.learning, self.writing)


def memory_of(
    shape: Shape,
    load: Load,
    hardware: Hardware,
    num_bytes: int,
    in_four_bits: bool = False,
) -> Memory:
    """What a stage takes on one rank; the frozen backbone computes in numbers of `num_bytes`.

    `in_four_bits`: its layers' weights are kept so.
    """
    is_full = any(trunk.is_full for trunk in load.learning)
    num_bytes = 4 if is_full else num_bytes
    layers = shape.linear_weights * (FOUR_BITS if in_four_bits and not is_full else num_bytes)
    frozen = layers + num_bytes * float(shape.num_weights - shape.linear_weights)
    is_mapped = _is_mapped(shape, hardware, num_bytes) and not in_four_bits
    if is_mapped and not load.has_logits:  # neither the head nor other layers are read
        frozen = layers * max(trunk.num_layers for trunk in load.learning) / shape.num_layers
    parts = {"interpreter and libraries": hardware.runtime, "frozen backbone": frozen}
    for trunk in load.learning:
        learns = _weights(shape, trunk) * (8 + load.thrift.moment_bytes)
        parts[f"{trunk.role}, learning"] = learns / _spread(trunk, load, hardware)
    for trunk in load.looking:
        weights = shape.adapter_weights(trunk.num_layers) * trunk.num_copies
        parts[trunk.role] = float(num_bytes * weights)
    if load.keeps_lower:
        held = num_tokens(load.rows) / hardware.count
        parts["states below the trained layers"] = held * shape.width * num_bytes
    learning = max(_for_gradient(shape, trunk, load, num_bytes) for trunk in load.learning)
    logits = LOGITS_AT_ONCE * shape.vocabulary * (3 * 4 + num_bytes) if load.has_logits else 0
    writing = _writing(shape, load, hardware, num_bytes) if load.writes else 0.0
    return Memory(parts, learning + logits, writing + logits)


def kept_for_gradient(shape: Shape, num_bytes: int, *, is_full: bool, keys: float) -> float:
    """Bytes kept of one token in one layer; `keys` is what a head looks at on average."""
    d, a, v = shape.width, shape.attention_width, shape.key_value_width
    f, heads = shape.feed_forward_width, shape.num_heads * keys
    if is_full:
        return 4 * (4 * d + 2 * a + 2 * v + 4 * f + heads)
    return num_bytes * (4 * d + 2 * a + 2 * v + 2 * f + 7 * shape.rank + heads)


def _for_gradient(shape: Shape, trunk: Trunk, load: Load, num_bytes: int) -> float:
    """What a microbatch leaves behind for the backward pass of one role."""
    rows = _microbatch(load)
    tokens = num_tokens(rows)
    # a head's keys lie on a grid as long as the longest of a microbatch
    keys = 2 * num_attended(rows) / tokens
    if shape.num_heads * keys * tokens > KEPT_WEIGHTS:
        keys = 0.0
    of_token = kept_for_gradient(shape, num_bytes, is_full=trunk.is_full, keys=keys)
    if load.thrift.recomputes:  # every layer's input, and one layer at a time
        inputs = trunk.num_layers * shape.width * (4 if trunk.is_full else num_bytes)
        return tokens * (inputs + of_token)
    return tokens * trunk.num_layers * of_token


def _microbatch(load: Load) -> Sequence[tuple[int, tuple[int, ...]]]:
    """As many of an update's rows as go into a microbatch, at least one; all are as large."""
    most = max(1, load.microbatch_tokens // num_tokens(load.rows[:1]))
    rows = -(-len(load.rows) // load.num_minibatches)
    return load.rows[: -(-rows // -(-rows // most))]


def _writing(shape: Shape, load: Load, hardware: Hardware, num_bytes: int) -> float:
    completions = [len(row[1]) for row in load.rows]
    tokens = sum(prompt for prompt, _ in load.rows) + sum(sum(row[1]) for row in load.rows)
    if max(completions) == 1:  # each row has its own copy of the prompt in any case
        tokens = sum(prompt + own[0] for prompt, own in load.rows)
    cache = tokens * 2 * shape.key_value_width * num_bytes * shape.num_layers * SPARE
    is_mapped = _is_mapped(shape, hardware, num_bytes)
    laid_out = hardware.is_cpu and num_bytes == 2 and not is_mapped
    copies = laid_out * num_bytes * float(shape.linear_weights)
    for trunk in load.learning:  # what ranks share is put together while it writes
        spread = _spread(trunk, load, hardware)
        copies += 4 * _weights(shape, trunk) * (1 - 1 / spread)
    return cache / hardware.count + copies


def _is_mapped(shape: Shape, hardware: Hardware, num_bytes: int) -> bool:
    """Whether the backbone in memory is its file: what nobody reads of it takes none."""
    return hardware.is_cpu and FILE_BYTES.get(shape.file_dtype) == num_bytes


def _weights(shape: Shape, trunk: Trunk) -> float:
    if not trunk.is_full:
        return shape.adapter_weights(trunk.num_layers) + shape.width
    read = replace(shape, num_layers=trunk.num_layers)
    return float(read.num_weights)


def _spread(trunk: Trunk, load: Load, hardware: Hardware) -> int:
    """Over how many ranks a role's weights are spread: full copies are, adapters are not."""
    return hardware.count if trunk.is_full and load.thrift.is_sharded else 1
