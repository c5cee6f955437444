"""What a disk refuses, in the words of errors.py: that it is full, or may not be written."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rather.errors import EnvironmentFault

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}
# Libraries that write through Rust (safetensors, tokenizers) report an errno only as text.
_DISK_FULL_TEXT = re.compile(r"No space left on device|Disk quota exceeded|File too large")


@contextmanager
def disk_faults(path: Path, not_writable: set[int] = NOT_WRITABLE) -> Iterator[None]:
    """Turn what the user must mend (disk full, not writable) into one sentence."""
    try:
        yield
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        if number in _DISK_FULL or _DISK_FULL_TEXT.search(str(error)):
            raise EnvironmentFault(
                f"disk full: {path} could not be written; free some space and give the same "
                "command again (what was there before is kept)."
            ) from error
        if number in not_writable:
            raise EnvironmentFault(
                f"{path} cannot be written ({os.strerror(number or 0)}): change its permissions "
                "or choose another place."
            ) from error
        raise
