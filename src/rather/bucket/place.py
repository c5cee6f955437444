"""A folder in object storage, by fsspec: few words, each of which ends well or in one sentence.

Credentials are never ours: the storage's own client finds them where it always does (for S3 the
variables AWS_*, ~/.aws, the machine's role). What is said of an address has no secret in it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from rather.config.address import masked
from rather.errors import EnvironmentFault, UsageError

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
"""What has to be installed for an address, by how it begins: the names of our extras."""
CLIENTS = {"aiobotocore", "aiohttp", "botocore", "gcsfs", "google", "s3fs"}
"""Whose errors that are no OSError are the storage's or the network's, too."""


class Place:
    """A folder in object storage; names in it are relative, with slashes."""

    def __init__(self, files: Any, root: str, shown: str) -> None:
        """`files` is fsspec's file system, `root` the folder's path in it."""
        self._files, self._root = files, root.rstrip("/")
        self.shown = shown
        """The address as it may be shown."""

    @classmethod
    def at(cls, address: str) -> Self:
        """The folder at an address; nothing is asked of the storage yet.

        UsageError for an address no client knows, EnvironmentFault where its client is missing.
        """
        shown = masked(address)
        scheme = address.partition("://")[0]
        extra = EXTRAS.get(scheme)
        how = f"pip install 'rather[{extra}]'" if extra else f"install its fsspec client ({scheme})"
        try:
            # Imported here: only an address needs it, and it is no dependency of ours alone.
            from fsspec.core import url_to_fs

            files, root = url_to_fs(address, use_listings_cache=False)
        except ImportError as error:
            raise EnvironmentFault(f"{shown} needs a package that is missing: {how}.") from error
        except ValueError as error:
            raise UsageError(
                f"{shown} is no storage that is known ({error}); write it like "
                "s3://bucket/folder, gs://bucket/folder or file:///folder."
            ) from None
        return cls(files, str(root), shown)

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Every file below a folder, by name, with its bytes; empty where there is none."""
        with self._faults("read"):
            top = self._path(folder)
            try:
                found = self._files.find(top, detail=True)
            except FileNotFoundError:
                self._require_bucket()
                return {}
        return {_below(self._root, path): int(one["size"]) for path, one in found.items()}

    def stamps(self, names: Sequence[str]) -> list[str]:
        """What tells two versions of each file apart: the storage's own tag, else its time."""
        with self._faults("read"):
            told = [self._files.info(self._path(name)) for name in names]
        keys = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created")
        return [str(next((one[key] for key in keys if one.get(key)), "")) for one in told]

    def read(self, name: str) -> bytes:
        """A whole file."""
        with self._faults(f"read {name} from"):
            return bytes(self._files.cat_file(self._path(name)))

    def write(self, name: str, data: bytes) -> None:
        """A whole file; in object storage it is there at once or not at all."""
        with self._faults(f"write {name} to"):
            self._make_parent(name)
            self._files.pipe_file(self._path(name), data)

    def send(self, path: Path, name: str) -> None:
        """A file of this machine, of any size."""
        with self._faults(f"write {name} to"):
            self._make_parent(name)
            self._files.put_file(str(path), self._path(name))

    def fetch(self, name: str, path: Path) -> None:
        """Into a file of this machine."""
        with self._faults(f"read {name} from"):
            self._files.get_file(self._path(name), str(path))

    def remove(self, name: str) -> None:
        """A file; one that is gone already is no fault."""
        with self._faults(f"remove {name} from"):
            try:
                self._files.rm_file(self._path(name))
            except FileNotFoundError:
                return

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _make_parent(self, name: str) -> None:
        """Folders, where the storage knows any."""
        if "file" in self._files.protocol or "local" in self._files.protocol:
            self._files.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)

    def _require_bucket(self) -> None:
        """An empty folder is none of ours to complain of; a bucket that is not there is."""
        bucket = self._root.partition("/")[0]
        if bucket and self._files.protocol != "memory" and not self._files.exists(bucket):
            raise FileNotFoundError(f"there is no bucket {bucket}")

    @contextmanager
    def _faults(self, doing: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise EnvironmentFault(
                f"Could not {doing} {self.shown} ({_words(error)}); check the address, and that "
                "its bucket was made."
            ) from error
        except PermissionError as error:
            raise EnvironmentFault(
                f"Could not {doing} {self.shown}, which refuses it ({_words(error)}); check this "
                "machine's credentials for it, and its clock."
            ) from error
        except Exception as error:
            from_client = type(error).__module__.partition(".")[0] in CLIENTS
            if not isinstance(error, OSError) and not from_client:
                raise
            raise EnvironmentFault(
                f"Could not {doing} {self.shown} ({type(error).__name__}: {_words(error)}); check "
                "the network and this machine's credentials, and give the same command again."
            ) from error


def _below(root: str, path: str) -> str:
    """A path without its folder's; the storage may write either with a slash in front or not."""
    return path.strip("/").removeprefix(root.strip("/")).strip("/")


def _words(error: Exception) -> str:
    return masked(str(error)).strip().partition("\n")[0].rstrip(".")
