"""The real program as a child process with settings of its own, for whoever drives it from outside."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from opendeep.config.app_config import embedded_environment

READY_DEADLINE_S = 60.0
STOP_DEADLINE_S = 20.0
READY_LINE = "OPENDEEP ready "


class ProductFailed(Exception):
    """The program did not start; the message says why and where its log is."""


@dataclass(slots=True)
class Product:
    """The running program. `url` is its page; `log` its log; `exit_code` is known after its end."""

    url: str
    log: Path
    process: asyncio.subprocess.Process

    @property
    def exit_code(self) -> int | None:
        return self.process.returncode


@contextlib.asynccontextmanager
async def running_product(directory: Path, **settings: str) -> AsyncIterator[Product]:
    """`opendeep run` on free ports with embedded defaults and `settings` on top; ended by SIGTERM, killed if late.

    Raises ProductFailed when it does not come up.
    """
    fixed = {"DATA_DIR": str(directory), "WEB_PORT": "0", "AUDIOSOCKET_PORT": "0", "LOG_FORMAT": "json"}
    path = directory / "opendeep.log"
    with path.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "opendeep", "run",
            env=embedded_environment(**(fixed | settings)), stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
        try:
            yield Product(await _address(process, path), path, process)
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_DEADLINE_S):
                await process.wait()
    if process.returncode is None:
        process.kill()
    await process.communicate()  # an unread pipe would warn when it is collected


async def _address(process: asyncio.subprocess.Process, log: Path) -> str:
    if process.stdout is None:
        raise ProductFailed("The program has no output to read.")
    try:
        async with asyncio.timeout(READY_DEADLINE_S):
            while line := (await process.stdout.readline()).decode():
                if line.startswith(READY_LINE):
                    return line.removeprefix(READY_LINE).strip()
    except TimeoutError:
        raise ProductFailed(f"The program was not ready after {READY_DEADLINE_S:g} s; see {log}") from None
    raise ProductFailed(f"The program ended before it was ready; see {log}")
