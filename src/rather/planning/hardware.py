"""What a run computes on: cards by name, or this machine's own processor, measured on the spot."""

import re
from dataclasses import dataclass

from rather.errors import UsageError

GPUS = re.compile(r"(?:(\d+)\s*[x×]\s*)?([A-Za-z0-9-]+)")
GB = 1e9


@dataclass(frozen=True)
class Hardware:
    """One rank's device, and how many there are."""

    name: str
    count: int
    memory: float
    """Bytes of one device."""
    flops: float
    """Of bfloat16 products a second, at best."""
    bandwidth: float
    """Bytes a second between memory and processor, at best."""
    link: float
    """Bytes a second that two devices exchange."""
    is_cpu: bool = False

    @property
    def runtime(self) -> float:
        """Bytes taken before there is a model: the interpreter and its libraries, on a card the
        context and the workspaces of its libraries."""
        return 0.55 * GB if self.is_cpu else 1.5 * GB

    @property
    def share_of_products(self) -> float:
        """What a pass through the layers reaches of `flops`.

        Measured on a CPU with AMX and a model of 135M weights, whose layers are so narrow that
        larger models reach more; on cards assumed, not measured.
        """
        return 0.15 if self.is_cpu else 0.35

    @property
    def share_of_bytes(self) -> float:
        """What reading all weights for a token reaches of `bandwidth`; as above."""
        return 0.5 if self.is_cpu else 0.6

    @property
    def seconds_a_layer(self) -> float:
        """What a decoding step costs in each layer beside products and weights: starting some
        thirty operations. As above."""
        return 1.2e-3 if self.is_cpu else 0.25e-3


CARDS: dict[str, tuple[float, float, float, float]] = {
    "H200": (141, 989, 4800, 450),
    "H100": (80, 989, 3350, 450),
    "H100-PCIE": (80, 756, 2000, 32),
    "B200": (180, 2250, 7700, 900),
    "A100": (80, 312, 2039, 300),
    "A100-40": (40, 312, 1555, 300),
    "A6000": (48, 155, 768, 32),
    "L40S": (48, 362, 864, 32),
    "L4": (24, 121, 300, 32),
    "A10G": (24, 70, 600, 32),
    "RTX-5090": (32, 210, 1792, 32),
    "RTX-4090": (24, 165, 1008, 32),
    "RTX-3090": (24, 71, 936, 32),
}
"""Memory in GB, dense bfloat16 TFLOP/s, memory and link in GB/s, as their makers state them."""


def cards_of(text: str) -> Hardware:
    """`8xH100`, `A100`: so many of a card; UsageError for one that is not known."""
    found = GPUS.fullmatch(text.strip())
    name = found[2].upper() if found else ""
    if not found or name not in CARDS or found[1] == "0":
        raise UsageError(
            f"--gpus {text} is not known; write it like 8xH100, with one of {', '.join(CARDS)}, or "
            "cpu for this machine."
        )
    memory, flops, bandwidth, link = CARDS[name]
    count = int(found[1] or 1)
    return Hardware(name, count, memory * GB, flops * 1e12, bandwidth * GB, link * GB)
