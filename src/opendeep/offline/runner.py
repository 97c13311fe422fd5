"""The offline server as a supervised child process.

Owns its start, its ready line, its logs, its restart with backoff and its end. The child runs `python -m
opendeep.offline --parent-pipe`: it ends when our end of the pipe closes, however we die.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import orjson
import structlog

from opendeep.common.errors import PeerFault

READY_DEADLINE_S: Final = 60.0  # the first start may build the language models of the recogniser
STOP_DEADLINE_S: Final = 12.0
BACKOFF_FIRST_S: Final = 0.5
BACKOFF_MAX_S: Final = 15.0
STEADY_S: Final = 60.0  # a run as long as this forgives earlier deaths
MAX_LINE_BYTES: Final = 256 * 1024  # of the child's output; longer lines are dropped
READY_PREFIX: Final = "OFFLINE ready "

logger = structlog.get_logger(__name__)


class OfflineProcessFault(PeerFault):
    """The offline server did not start; the message carries its exit code or the deadline."""


class OfflineProcess:
    """Supervisor of one child. `start`, then `run` as a named worker; or as an async context manager for both.

    The port stays the same over restarts, so that `base_url` stays true.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        workers: int = 1,
        voice: str | None = None,
        engines: Mapping[str, str] | None = None,
        ready_deadline_s: float = READY_DEADLINE_S,
    ) -> None:
        """`engines`: `recogniser`, `recogniser_model`, `synthesiser`, `synthesiser_model`; those left out: built in."""
        self._engines = dict(engines or {})
        self._host = host
        self._port = port
        self._workers = workers
        self._voice = voice
        self._ready_deadline_s = ready_deadline_s
        self._base_url = ""
        self._child: asyncio.subprocess.Process | None = None
        self._relays: list[asyncio.Task[None]] = []
        self._worker: asyncio.Task[None] | None = None
        self._stopping = False
        self._ready: asyncio.Future[str] | None = None
        self.restarts = 0

    @property
    def base_url(self) -> str:
        """`http://host:port/v1`, known after `start`."""
        return self._base_url

    @property
    def pid(self) -> int | None:
        """The child's process id while it lives."""
        return self._child.pid if self._child and self._child.returncode is None else None

    @property
    def ready(self) -> bool:
        """True while the child lives and has told its address."""
        return self.pid is not None and self._ready is not None and self._ready.done()

    async def start(self) -> None:
        """Start the child and wait until it serves. Raises OfflineProcessFault."""
        self._stopping = False
        await self._spawn()

    async def run(self) -> None:
        """Watch the child and start it again when it dies, with backoff; returns after `stop`."""
        backoff_s = BACKOFF_FIRST_S
        loop = asyncio.get_running_loop()
        while not self._stopping:
            began_s = loop.time()
            code = await self._wait_child()
            if self._stopping:
                return
            backoff_s = BACKOFF_FIRST_S if loop.time() - began_s >= STEADY_S else backoff_s
            logger.error("offline_process_died", exit_code=code, restart_in_s=backoff_s)
            await asyncio.sleep(backoff_s)
            if self._stopping:
                return
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)
            self.restarts += 1
            try:
                await self._spawn()
            except OfflineProcessFault as fault:
                logger.warning("offline_process_not_ready", error=str(fault))

    async def stop(self) -> None:
        """End the child: SIGTERM, a deadline, SIGKILL. Idempotent."""
        self._stopping = True
        await self._end_child()
        if self._worker is not None and self._worker is not asyncio.current_task():
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
            self._worker = None

    async def __aenter__(self) -> Self:
        await self.start()
        self._worker = asyncio.create_task(self.run(), name="offline-process")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _spawn(self) -> None:
        await self._end_child()
        options = ["--host", self._host, "--port", str(self._port), "--workers", str(self._workers)]
        options += ["--voice", self._voice] if self._voice else []
        options += [f"--{name.replace('_', '-')}={value}" for name, value in self._engines.items() if value]
        command = [sys.executable, "-m", "opendeep.offline", "--parent-pipe", "--log-form", "json", *options]
        pipe = asyncio.subprocess.PIPE
        try:
            child = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=pipe, limit=MAX_LINE_BYTES
            )
        except OSError as error:
            raise OfflineProcessFault(f"the offline server cannot be started: {error}") from error
        self._child = child
        self._ready = asyncio.get_running_loop().create_future()
        self._relays = [
            asyncio.create_task(self._relay(child.stdout, "stdout"), name="offline-process-stdout"),
            asyncio.create_task(self._relay(child.stderr, "stderr"), name="offline-process-stderr"),
        ]
        await self._wait_ready(child)

    async def _wait_ready(self, child: asyncio.subprocess.Process) -> None:
        ready = self._ready
        if ready is None:
            raise RuntimeError("no child was started")
        exited = asyncio.create_task(child.wait(), name="offline-process-exit")
        waits: set[asyncio.Future[Any]] = {ready, exited}
        try:
            await asyncio.wait(waits, timeout=self._ready_deadline_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            exited.cancel()
        if ready.done():
            self._base_url = ready.result()
            self._port = int(self._base_url.split(":")[2].split("/")[0])
            logger.info("offline_process_ready", base_url=self._base_url, pid=child.pid)
            return
        code = child.returncode
        await self._end_child()
        reason = f"it exited with {code}" if code is not None else f"not ready after {self._ready_deadline_s:g} s"
        raise OfflineProcessFault(f"the offline server did not start: {reason}; its log lines say why")

    async def _relay(self, stream: asyncio.StreamReader | None, name: str) -> None:
        """The child's lines into our log; the ready line to who waits for it."""
        while stream is not None:
            try:
                line = await stream.readline()
            except ValueError:
                logger.warning("offline_process_line_dropped", stream=name, limit_bytes=MAX_LINE_BYTES)
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()
            if text.startswith(READY_PREFIX) and self._ready is not None and not self._ready.done():
                self._ready.set_result(text.removeprefix(READY_PREFIX))
            elif text:
                _log_line(text)

    async def _wait_child(self) -> int | None:
        return await self._child.wait() if self._child is not None else None

    async def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.returncode is None:
            child.terminate()
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                await child.wait()
        except TimeoutError:
            logger.warning("offline_process_killed", pid=child.pid)
            child.kill()
            await child.wait()
        if child.stdin is not None:
            child.stdin.close()
        await asyncio.gather(*self._relays, return_exceptions=True)
        self._relays = []


def _log_line(text: str) -> None:
    """One line of the child: its own event and fields when it is a log line, else the text."""
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        logger.info("offline_process_output", text=text[:2_000])
        return
    level = str(fields.pop("level", "info"))
    event = str(fields.pop("event", "offline_process_output"))
    fields.pop("timestamp", None)
    log = getattr(logger, level if level in ("debug", "info", "warning", "error", "critical") else "info")
    log(event, worker="offline", **{str(key): value for key, value in fields.items()})
