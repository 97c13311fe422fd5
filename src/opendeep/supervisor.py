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


class WorkerDied(Exception):
    """A worker returned or raised although nobody asked it to stop."""


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
        code = EXIT_OK
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._guard(worker), name=worker.name) for worker in workers]
                await self._stop.wait()
                await self._drain()
                for task in reversed(tasks):
                    task.cancel()
        except* WorkerDied as died:
            log.error("process.worker_died", workers=[str(error) for error in died.exceptions])
            code = EXIT_WORKER_DIED
        log.info("process.stopped", exit_code=code)
        return code

    async def _guard(self, worker: Worker) -> None:
        """One worker's boundary: whatever ends it before its time becomes `WorkerDied`."""
        log.debug("worker.started", worker=worker.name)
        try:
            await worker.run()
        except asyncio.CancelledError:
            log.debug("worker.stopped", worker=worker.name)
            raise
        except Exception as error:
            log.exception("worker.failed", worker=worker.name)
            raise WorkerDied(worker.name) from error
        if not self._stop.is_set():
            log.error("worker.returned", worker=worker.name)
            raise WorkerDied(worker.name)

    async def _drain(self) -> None:
        log.info("process.draining", seconds=self._drain_seconds)
        hurry = asyncio.create_task(self._hurry.wait(), name="hurry")
        for worker in reversed(self._workers):
            if worker.drain is None:
                continue
            draining = asyncio.ensure_future(worker.drain())
            await asyncio.wait({draining, hurry}, timeout=self._drain_seconds, return_when=asyncio.FIRST_COMPLETED)
            if not draining.done():
                log.warning("worker.drain_cut_short", worker=worker.name)
                draining.cancel()
            elif (error := draining.exception()) is not None:
                log.error("worker.drain_failed", worker=worker.name, exc_info=error)
        hurry.cancel()
