"""One rehearsal at a time on a machine: whoever comes later waits, so that no call stutters because of another."""

import asyncio
import contextlib
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

LOOK_AGAIN_S: Final = 1.0


@contextlib.asynccontextmanager
async def machine_turn(
    when_waiting: Callable[[], None], path: Path | None = None, look_again_s: float = LOOK_AGAIN_S
) -> AsyncIterator[None]:
    """Hold the machine's turn; it ends with the process, however that ends. `when_waiting` is called once if need be.

    A rehearsal that waits can be ended at any time.
    """
    place = path or Path(tempfile.gettempdir()) / f"opendeep-rehearsal-{os.getuid()}.lock"
    with place.open("a") as file:
        told = False
        while not _taken(file.fileno()):
            if not told:
                when_waiting()
                told = True
            await asyncio.sleep(look_again_s)
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
