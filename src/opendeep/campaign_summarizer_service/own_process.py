"""Work that would hold the event loop, which may carry live calls, done by a child process of ours: one at a time.

Owns the child's life: a small environment without secrets, low priority, a deadline, and its end with ours. What it
makes is a file without a name that vanishes when it is closed.
"""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Final

import structlog

from opendeep.common.errors import OpenDeepError, PartMissing, TooManyRequests
from opendeep.config.app_config import environment_without_settings

log = structlog.get_logger(__name__)

PART_MISSING_EXIT: Final = 3  # the child's message says which part and how to get it
TURN_DEADLINE_S: Final = 120.0
WORK_DEADLINE_S: Final = 300.0
MAX_ERROR_BYTES: Final = 4_000


class WorkFailed(OpenDeepError):
    """The child has not done its work; its words are in the log."""


class OwnProcess:
    """Runs modules of this package, given by name, that read stdin and write stdout."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def make(self, module: str, parts: AsyncIterator[bytes]) -> IO[bytes]:
        """What `python -m module` makes of the parts, as an open file at its beginning; the caller closes it.

        Raises `PartMissing` with the child's words, `TooManyRequests` when others keep the machine busy,
        `WorkFailed` when it breaks or takes more than `WORK_DEADLINE_S`.
        """
        try:
            async with asyncio.timeout(TURN_DEADLINE_S):
                await self._turn.acquire()
        except TimeoutError as error:
            raise TooManyRequests("Other documents are being made. Please try again in a minute.") from error
        try:
            return await self._make(module, parts)
        finally:
            self._turn.release()

    async def _make(self, module: str, parts: AsyncIterator[bytes]) -> IO[bytes]:
        made = tempfile.TemporaryFile()  # noqa: SIM115 (handed to the caller)
        try:
            async with asyncio.timeout(WORK_DEADLINE_S):
                code, words = await self._run(module, parts, made)
            if code == PART_MISSING_EXIT:
                raise PartMissing(words)
            if code != 0:
                log.error("document.failed", module=module, exit_code=code, words=words)
                raise WorkFailed("The document could not be made.")
        except TimeoutError as error:
            made.close()
            log.error("document.too_slow", module=module, deadline_s=WORK_DEADLINE_S)
            raise WorkFailed("The document took too long.") from error
        except BaseException:
            made.close()
            raise
        made.seek(0)
        return made

    @staticmethod
    async def _run(module: str, parts: AsyncIterator[bytes], made: IO[bytes]) -> tuple[int, str]:
        """The child's exit code and the end of what it said."""
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, stdin=pipe, stdout=made, stderr=pipe, env=environment_without_settings()
        )
        try:
            _, words = await asyncio.gather(_feed(child, parts), _read(child))
            return await child.wait(), words
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await asyncio.shield(child.wait())


async def _feed(child: asyncio.subprocess.Process, parts: AsyncIterator[bytes]) -> None:
    assert child.stdin is not None  # noqa: S101 (a pipe was asked for)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has ended; its exit code says why
        async for part in parts:
            child.stdin.write(part)
            await child.stdin.drain()
    child.stdin.close()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        await child.stdin.wait_closed()


async def _read(child: asyncio.subprocess.Process) -> str:
    assert child.stderr is not None  # noqa: S101 (a pipe was asked for)
    words = b""
    while part := await child.stderr.read(MAX_ERROR_BYTES):
        words = (words + part)[-MAX_ERROR_BYTES:]
    return words.decode(errors="replace").strip()
