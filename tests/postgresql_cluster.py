"""A PostgreSQL server of the tests' own, and the database fixtures that run on both back-ends.

Our own and not pytest-postgresql, which cannot start a server as root, brings three packages, and
makes each database by running a program. A session (with xdist: each worker) has one server, in a
temporary folder, reached by a unix socket; each test has a database of its own, copied from one
that was migrated once.
"""

import itertools
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from rather.store.database import Database
from rather.workspace import CONFIG_FILE, DATABASE_FILE, Workspace

SECONDS_TO_START = 60
USER = "rather"
MEMORY = "/dev/shm"


class Cluster:
    """A throw-away server: `fsync` on, as a real one has it."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        # Not below pytest's folder, which a second user may not enter; short, as sockets need; in
        # memory where that is, because some disks take seconds to delete a database's files.
        room = MEMORY if os.access(MEMORY, os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="rather-pg-", dir=room))
        self._as: dict[str, Any] = {"cwd": self.folder, "env": {**os.environ, "LC_ALL": "C"}}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            known = {one.pw_name: one for one in pwd.getpwall()}
            user = known.get("postgres") or known["nobody"]
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._server: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()
        try:
            self._run("initdb", "-D", "data", "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
            self.start()
        except BaseException:
            self.remove()
            raise

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def new(self, template: str = "template0") -> str:
        """The address of a new database: empty, or a copy of another one."""
        name = f"d{next(self._numbers)}"
        self.tell(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    @cached_property
    def migrated(self) -> str:
        """The name of a database with our tables, all empty, to copy from."""
        url = self.new()
        Database.open(url, create=True).close()
        return name_in(url)

    def drop(self, url: str) -> None:
        """Delete a database, whoever is still connected."""
        self.tell(f"DROP DATABASE {name_in(url)} WITH (FORCE)")

    def tell(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the server's owner."""
        import psycopg  # only here: where it is missing, the tests are skipped

        with psycopg.connect(
            host=str(self.folder), user=USER, dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def start(self, fsync: str = "on") -> None:
        options = {"listen_addresses": "", "unix_socket_directories": self.folder, "fsync": fsync}
        # Small, and without the checkpoints a real server spreads out.
        options |= {"shared_buffers": "32MB", "max_wal_size": "256MB", "autovacuum": "off"}
        flags = [text for item in options.items() for text in ("-c", "=".join(map(str, item)))]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self.binaries / "postgres", "-D", "data", *flags],
                stdout=log,
                stderr=log,
                **self._as,
            )
        give_up = time.monotonic() + SECONDS_TO_START
        while not self._is_ready():
            if self._server.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        import psycopg  # as in `tell`

        try:
            self.tell("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, number: int = signal.SIGINT) -> None:
        """End the server: politely, or by SIGQUIT as if it crashed."""
        if self._server is not None:
            self._server.send_signal(number)
            self._server.wait(SECONDS_TO_START)

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        ended = subprocess.run(
            [self.binaries / program, *arguments], capture_output=True, text=True, **self._as
        )
        if ended.returncode:
            raise RuntimeError(f"{program}: {ended.stdout}{ended.stderr}")


def name_in(url: str) -> str:
    """The database's name in an address that `Cluster.url` made."""
    return url.partition("@/")[2].partition("?")[0]


def binaries() -> Path | None:
    """Where the newest server's programs are: Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(folders, key=lambda folder: int(folder.parent.name), default=None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A server is for the whole suite: `make check` stays on files."""
    for item in items:
        if "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The session's PostgreSQL server; without the program or the driver, the test is skipped."""
    pytest.importorskip("psycopg", reason="no PostgreSQL driver: pip install 'rather[postgres]'")
    where = binaries()
    if where is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    made = Cluster(where)
    yield made
    made.remove()


@pytest.fixture
def new_url(cluster: Cluster) -> Iterator[Callable[..., str]]:
    """Makes databases on the server: empty, or (`new_url(cluster.migrated)`) with our tables."""
    made: list[str] = []

    def make(template: str = "template0") -> str:
        made.append(cluster.new(template))
        return made[-1]

    yield make
    for url in made:
        cluster.drop(url)


@pytest.fixture
def postgresql_url(cluster: Cluster, new_url: Callable[..., str]) -> str:
    """The address of a database with our tables, all empty."""
    return new_url(cluster.migrated)


@pytest.fixture
def postgresql_db(postgresql_url: str) -> Iterator[Database]:
    """An empty database on a server."""
    with Database.open(postgresql_url) as database:
        yield database


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with our tables, all empty, to copy from. Never write."""
    path = tmp_path_factory.mktemp("databases") / "rather.db"
    Database.open(path, create=True).close()
    return path


@pytest.fixture(scope="session")
def create_workspace(migrated_file: Path) -> Callable[..., Workspace]:
    """`Workspace.create` around the settings and the empty tables that are in the folder already:
    an eighth of the time that it takes to write and migrate them."""

    def create(
        root: Path, settings: Mapping[str, Any] = MappingProxyType({}), progress: Any = None
    ) -> Workspace:
        root.mkdir(parents=True, exist_ok=True)
        shutil.copy(migrated_file, root / DATABASE_FILE)
        (root / CONFIG_FILE).write_text(json.dumps(dict(settings)), "utf-8")  # JSON is YAML
        return Workspace.create(root, None, progress)

    return create


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def any_where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a database with our tables is, all empty: a file, then a server."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    source = request.getfixturevalue("migrated_file")
    return str(shutil.copy(source, tmp_path / "rather.db"))


@pytest.fixture
def any_db(any_where: str) -> Iterator[Database]:
    """An empty database, on each back-end."""
    with Database.open(any_where) as database:
        yield database
