"""PostgreSQL and Redis for tests: real servers on free ports, in temporary folders, gone afterwards.

Both are started as plain processes owned by the test run. PostgreSQL refuses to run as root; started by root it runs
as the system's ``postgres`` or ``nobody``. ``require`` is the one way in which a test may go without a part.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from opendeep.offline.speech.flite import FliteEngine
from opendeep.offline.speech.types import SpeechEngineMissing

START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 10.0
POLL_S = 0.02
UNPRIVILEGED_USERS = ("postgres", "nobody")
MISSING_PART = "MISSING PART:"


def require(part: str, available: bool, reason: str) -> None:
    """Go on when ``part`` is there; otherwise skip loudly, or fail where ``CI=true`` promises that it is there."""
    if available:
        return
    message = f"{MISSING_PART} {part}: {reason}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@functools.cache
def has_natural_voice() -> bool:
    """Whether the flite voices are installed (Debian and Ubuntu: package libflite1)."""
    try:
        FliteEngine()
    except SpeechEngineMissing:
        return False
    return True


def free_tcp_port() -> int:
    """A port of loopback that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Poll ``ready`` until it is true; raises RuntimeError when the process ended, TimeoutError after the deadline."""
    deadline = time.monotonic() + START_DEADLINE_S
    while not ready():
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended at once: {log.read_text(errors='replace')[-2_000:]}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{process.args!r} is not ready after {START_DEADLINE_S} s")
        time.sleep(POLL_S)


@functools.cache
def postgres_folder() -> Path | None:
    """The folder with the newest ``initdb`` and ``postgres``, or None."""
    candidates = [Path(found).resolve().parent] if (found := shutil.which("initdb")) else []
    installed = Path("/usr/lib/postgresql").glob("*/bin")  # where Debian and Ubuntu keep them, off the PATH
    candidates += sorted(installed, key=lambda path: int(path.parent.name), reverse=True)
    return next((path for path in candidates if (path / "postgres").exists() and (path / "initdb").exists()), None)


class TemporaryPostgres:
    """A PostgreSQL cluster of its own. ``url`` names a database that exists; ``create_database`` makes fresh ones."""

    user = "opendeep"

    def __init__(self) -> None:
        self.port = 0
        self._directory = Path(tempfile.mkdtemp(prefix="opendeep-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._uid, self._gid = self._unprivileged_account()

    @staticmethod
    def available() -> bool:
        """Whether the server's programs are installed (Debian and Ubuntu: package postgresql)."""
        return postgres_folder() is not None

    def __enter__(self) -> Self:
        try:
            self._initialise()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database ``postgres``."""
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        """SQLAlchemy URL of a database of this cluster."""
        return f"postgresql+asyncpg://{self.user}@127.0.0.1:{self.port}/{name}"

    def create_database(self, name: str) -> str:
        """Create a database and return its URL."""
        self._sql(f'CREATE DATABASE "{name}"')
        return self.database_url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, with whoever is still connected to it."""
        self._sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def start(self) -> None:
        """Start (again) on the same port and wait until it accepts queries."""
        self.port = self.port or free_tcp_port()
        settings = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "fsync": "off",
            "synchronous_commit": "off", "full_page_writes": "off", "max_connections": 200,
        }  # fmt: skip
        options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program("postgres"), "-D", str(self._data), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._directory, user=self._uid, group=self._gid,
            )  # fmt: skip
        wait_until(self._accepts_queries, self._process, self._directory / "log")

    def stop(self) -> None:
        """Disconnect everybody and end (fast shutdown)."""
        _end(self._process, signal.SIGINT)

    def kill(self) -> None:
        """End it without warning, its children too; ``start`` recovers from the write-ahead log."""
        _end(self._process, signal.SIGQUIT)

    def kill_hard(self) -> None:
        """SIGKILL to the server's first process; the others notice that on their own."""
        _end(self._process, signal.SIGKILL)

    @property
    def pid(self) -> int:
        """The first process of the server."""
        assert self._process is not None
        return self._process.pid

    def close(self) -> None:
        """End the server and remove its files."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    @staticmethod
    def _program(name: str) -> str:
        folder = postgres_folder()
        if folder is None:
            raise FileNotFoundError("PostgreSQL is not installed")
        return str(folder / name)

    @staticmethod
    def _unprivileged_account() -> tuple[int | None, int | None]:
        """Who the server runs as (user id, group id): ourselves (None), or somebody harmless when we are root."""
        if os.getuid() != 0:
            return None, None
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        entry = next(known[name] for name in UNPRIVILEGED_USERS if name in known)
        return entry.pw_uid, entry.pw_gid

    def _initialise(self) -> None:
        if self._uid is not None and self._gid is not None:
            os.chown(self._directory, self._uid, self._gid)
        command = [self._program("initdb"), "-D", str(self._data), "-U", self.user, "-A", "trust", "-E", "UTF8"]
        subprocess.run(
            [*command, "--locale=C", "--no-sync"],
            check=True, capture_output=True, cwd=self._directory, user=self._uid, group=self._gid,
        )  # fmt: skip

    def _sql(self, statement: str) -> None:
        subprocess.run(self._psql(statement), check=True, capture_output=True, text=True)

    def _psql(self, statement: str) -> list[str]:
        address = ["-h", "127.0.0.1", "-p", str(self.port), "-U", self.user, "-d", "postgres"]
        return [self._program("psql"), "-X", "-q", *address, "-v", "ON_ERROR_STOP=1", "-c", statement]

    def _accepts_queries(self) -> bool:
        return subprocess.run(self._psql("SELECT 1"), check=False, capture_output=True).returncode == 0


class TemporaryRedis:
    """A Redis server of its own, without persistence. ``kill`` and ``start`` play an outage on the same port."""

    def __init__(self) -> None:
        self.port = free_tcp_port()
        self._directory = Path(tempfile.mkdtemp(prefix="opendeep-redis-"))
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def available() -> bool:
        """Whether Redis or Valkey is installed (Debian and Ubuntu: package redis-server)."""
        return TemporaryRedis._program() is not None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The address as clients take it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start (again) on the same port and wait for its PONG."""
        program = self._program()
        if program is None:
            raise FileNotFoundError("Redis is not installed")
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._directory,
            )  # fmt: skip
        wait_until(self._pongs, self._process, self._directory / "log")

    def stop(self) -> None:
        """Let it end in order."""
        _end(self._process, signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power failure would."""
        _end(self._process, signal.SIGKILL)

    @property
    def pid(self) -> int:
        """The process id (for freezing it)."""
        assert self._process is not None
        return self._process.pid

    def restart(self) -> None:
        """Stop and start; what it held is gone."""
        self.stop()
        self.start()

    def flush(self) -> None:
        """Forget everything, between two tests."""
        self._command(b"FLUSHALL\r\n", b"+OK")

    def close(self) -> None:
        """End the server and remove its files."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    @staticmethod
    def _program() -> str | None:
        return shutil.which("redis-server") or shutil.which("valkey-server")

    def _pongs(self) -> bool:
        with contextlib.suppress(OSError):
            return self._command(b"PING\r\n", b"+PONG")
        return False

    def _command(self, line: bytes, expected: bytes) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=STOP_DEADLINE_S) as connection:
            connection.sendall(line)
            return connection.recv(64).startswith(expected)


def _end(process: subprocess.Popen[bytes] | None, first: signal.Signals) -> None:
    """Send ``first``, and SIGKILL when the process takes too long; without effect when it has ended."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(first)
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def fresh_database(server: TemporaryPostgres, name: str) -> Iterator[str]:
    """A database for one test: its URL, and no trace of it afterwards."""
    url = server.create_database(name)
    try:
        yield url
    finally:
        server.drop_database(name)
