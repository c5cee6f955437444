"""Small functions of large tensors, joined by a compiler into one pass over the memory.

Between its matrix products a decoder does many small steps, each of which reads and writes all it
is given. `torch.compile` makes one loop of each function that is a `kernel` here, where that pays:
on a CPU with a C++ compiler, for tensors that are not small, in runs long enough to earn back the
seconds it takes. Whoever has such a run enters `compiled()`. What a compiled kernel rounds it
rounds once, in the end, so the numbers are those of the plain function up to the last digit of
their precision.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property, update_wrapper
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

import torch

from rather.errors import EnvironmentFault

P = ParamSpec("P")
T = TypeVar("T")
WORTH = 1 << 16
"""Numbers in the first tensor from which on one pass is faster than several."""
OPTIONS: dict[str, Any] = {
    "fx_graph_cache": False,  # it would be pickles on disk
    "compile_threads": 1,  # no pool of processes for a handful of kernels
}
MOST_VARIANTS = 64
"""Of one kernel: by the layout of its tensors in memory and their number of dimensions."""


class Kernel(Generic[P, T]):
    """A function of tensors; the first argument is the one whose size decides."""

    is_on = False
    """Of all kernels: see `compiled`."""

    def __init__(self, plain: Callable[P, T]) -> None:
        update_wrapper(self, plain)
        self.plain = self._to_join = plain

    def when_joined(self, same: Callable[P, T]) -> Callable[P, T]:
        """Have this compiled instead (a decorator): the same numbers by steps that are slow one by
        one, and fast as one loop."""
        self._to_join = same
        return same

    @cached_property
    def joined(self) -> Callable[P, T]:
        """The same, compiled when it is first called."""
        return torch.compile(self._to_join, dynamic=True, fullgraph=True, options=OPTIONS)

    def __call__(self, *args: P.args, **named: P.kwargs) -> T:
        """What the function says; EnvironmentFault where the compiler fails."""
        first: Any = args[0]
        pays = first.numel() >= WORTH and first.device.type == "cpu"
        if not (Kernel.is_on and pays) or torch.is_inference_mode_enabled():
            return self.plain(*args, **named)
        try:
            return self.joined(*args, **named)
        except torch._dynamo.exc.BackendCompilerFailed as error:
            said = str(error.inner_exception).strip().partition("\n")[0]
            raise EnvironmentFault(
                f"The C++ compiler makes no kernel of {self.plain.__name__} ({said}); mend it, or "
                "set compile_kernels: false in this stage's section."
            ) from error


def kernel(plain: Callable[P, T]) -> Kernel[P, T]:
    """Make a function one that can be compiled; it must not write into what it is given."""
    return Kernel(plain)


@contextmanager
def compiled(folder: Path) -> Iterator[None]:
    """For this long kernels are compiled; what comes of that is kept in a folder, for next time.

    The folder holds programs that are run: it is made for this user alone.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder)
    before, Kernel.is_on = Kernel.is_on, True
    try:
        with torch._dynamo.config.patch(recompile_limit=MOST_VARIANTS):
            yield
    finally:
        Kernel.is_on = before


@cache
def why_plain() -> str | None:
    """Why this machine compiles no kernels, as the end of a sentence; None where it does."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        found = shutil.which(get_cpp_compiler())
    except (InvalidCxxCompiler, subprocess.SubprocessError):
        found = None
    return None if found else "this machine has no C++ compiler (g++)"
