"""Lifetimes: one `asyncio.TaskGroup` of named workers, drained in reverse order of start.

A worker that ends by itself, with or without an error, takes the process down with exit code 1, so that a supervisor
outside restarts it; there is no half-alive process. SIGTERM or SIGINT drains and exits 0; a second one does not wait.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)
EXIT_OK = 0
EXIT_WORKER_DIED = 1
DRAIN_GRACE_S = 12.0  # beyond DRAIN_SECONDS: a worker that was told that deadline cuts its work off itself
END_DEADLINE_S = 15.0  # from a worker's cancellation to the next one's


@dataclass(frozen=True, slots=True)
class Worker:
    """`run` lives until cancelled. `drain`, where there is one, is awaited first when the process stops."""

    name: str
    run: Callable[[], Awaitable[None]]
    drain: Callable[[], Awaitable[None]] | None = None


class Supervisor:
    """Runs workers until a signal comes or one of them dies. Signals count from `signals()` on, also before `run`."""

    def __init__(self, drain_seconds: float) -> None:
        self._workers: list[Worker] = []
        self._drain_seconds = drain_seconds
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._died: list[str] = []

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT; enter before anything is started, so that none is missed."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.request_stop)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def request_stop(self) -> None:
        """What a signal does: the first drains, the second hurries."""
        (self._hurry if self._stop.is_set() else self._stop).set()

    async def run(self, workers: list[Worker]) -> int:
        """Returns the exit code of the process."""
        self._workers = workers
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._guard(worker), name=worker.name) for worker in workers]
            await self._stop.wait()
            if not self._died:
                await self._drain()
            await self._end(tasks)
        if self._died:
            log.error("process.worker_died", workers=self._died)
        code = EXIT_WORKER_DIED if self._died else EXIT_OK
        log.info("process.stopped", exit_code=code)
        return code

    async def _guard(self, worker: Worker) -> None:
        """One worker's boundary: whatever ends it before its time stops the process."""
        log.debug("worker.started", worker=worker.name)
        try:
            await worker.run()
        except asyncio.CancelledError:
            log.debug("worker.stopped", worker=worker.name)
            raise
        except Exception:  # boundary: one worker
            log.exception("worker.failed", worker=worker.name)
        else:
            if self._stop.is_set():
                return
            log.error("worker.returned", worker=worker.name)
        self._died.append(worker.name)
        self._stop.set()
        self._hurry.set()

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        """The last that was started ends first, with all that it stands on: a cancelled call still hangs up by AMI."""
        for task in reversed(tasks):
            task.cancel()
            _, late = await asyncio.wait({task}, timeout=END_DEADLINE_S)
            if late:
                log.warning("worker.ends_late", worker=task.get_name())

    async def _drain(self) -> None:
        log.info("process.draining", seconds=self._drain_seconds)
        deadline_s = self._drain_seconds + DRAIN_GRACE_S
        hurry = asyncio.create_task(self._hurry.wait(), name="hurry")
        for worker in reversed(self._workers):
            if worker.drain is None:
                continue
            draining = asyncio.ensure_future(worker.drain())
            await asyncio.wait({draining, hurry}, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
            if not draining.done():
                log.warning("worker.drain_cut_short", worker=worker.name)
                draining.cancel()
            elif (error := draining.exception()) is not None:
                log.error("worker.drain_failed", worker=worker.name, exc_info=error)
        hurry.cancel()
