"""What a run computes on: cards by name, or this machine's own processor, measured on the spot."""

import re
from dataclasses import dataclass

from rather.errors import UsageError

GPUS = re.compile(r"(?:(\d+)\s*[x×]\s*)?([A-Za-z0-9-]+)")
GB = 1e9
SHARE_OF_PRODUCTS, BYTES_A_FLOP = 0.72, 0.027
"""What a pass's products reach of the best, and what the steps beside them move for each FLOP."""
COPIED_A_FLOP = 0.022
"""What is moved beside that where bfloat16 numbers are put into float32 to be multiplied."""


@dataclass(frozen=True)
class Hardware:
    """One rank's device, and how many there are."""

    name: str
    count: int
    memory: float
    """Bytes of one device."""
    flops: float
    """Of products of bfloat16 numbers a second, at best."""
    flops32: float
    """Of float32 products a second, at best."""
    bandwidth: float
    """Bytes a second between memory and processor, at best."""
    link: float
    """Bytes a second that two devices exchange."""
    is_cpu: bool = False

    @property
    def runtime(self) -> float:
        """Bytes taken before there is a model: the interpreter and its libraries, on a card the
        context and the workspaces of its libraries."""
        return 0.65 * GB if self.is_cpu else 1.5 * GB

    def reached(self, num_bytes: int) -> float:
        """FLOPs a second of a pass through the layers, in numbers of so many bytes.

        On a CPU in bfloat16 steps beside the products take their time by what they read and write,
        so the faster the products, the smaller the share they reach. This was measured on a CPU
        with AMX and on one without, with a model of 135M weights, whose layers are so narrow that
        larger models reach more; on cards shares are assumed, not measured.
        """
        if num_bytes == 4:
            return self.flops32 * (0.6 if self.is_cpu else 0.5)
        if not self.is_cpu:
            return self.flops * 0.35
        is_wide = self.flops == self.flops32  # `processor` says so where float32 is preferred
        moved = BYTES_A_FLOP + (COPIED_A_FLOP if is_wide else 0.0)
        return 1 / (1 / (SHARE_OF_PRODUCTS * self.flops) + moved / self.bandwidth)

    @property
    def share_of_bytes(self) -> float:
        """What reading all weights for a token reaches of `bandwidth`; as above."""
        return 0.5 if self.is_cpu else 0.6

    @property
    def seconds_a_layer(self) -> float:
        """What a decoding step costs in each layer beside products and weights: starting some
        thirty operations. As above."""
        return 0.8e-3 if self.is_cpu else 0.25e-3


CARDS: dict[str, tuple[float, float, float, float, float]] = {
    "H200": (141, 989, 67, 4800, 450),
    "H100": (80, 989, 67, 3350, 450),
    "H100-PCIE": (80, 756, 51, 2000, 32),
    "B200": (180, 2250, 75, 7700, 900),
    "A100": (80, 312, 19.5, 2039, 300),
    "A100-40": (40, 312, 19.5, 1555, 300),
    "A6000": (48, 155, 38.7, 768, 32),
    "L40S": (48, 362, 91.6, 864, 32),
    "L4": (24, 121, 30.3, 300, 32),
    "A10G": (24, 70, 35, 600, 32),
    "RTX-5090": (32, 210, 105, 1792, 32),
    "RTX-4090": (24, 165, 82.6, 1008, 32),
    "RTX-3090": (24, 71, 35.6, 936, 32),
}
"""Memory in GB, dense TFLOP/s in bfloat16 and in float32, memory and link in GB/s, as their makers
state them."""


def cards_of(text: str) -> Hardware:
    """`8xH100`, `A100`: so many of a card; UsageError for one that is not known."""
    found = GPUS.fullmatch(text.strip())
    name = found[2].upper() if found else ""
    if not found or name not in CARDS or found[1] == "0":
        raise UsageError(
            f"--gpus {text} is not known; write it like 8xH100, with one of {', '.join(CARDS)}, or "
            "cpu for this machine."
        )
    memory, flops, flops32, bandwidth, link = CARDS[name]
    count = int(found[1] or 1)
    return Hardware(
        name, count, memory * GB, flops * 1e12, flops32 * 1e12, bandwidth * GB, link * GB
    )
