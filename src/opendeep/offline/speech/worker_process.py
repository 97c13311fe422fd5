"""One worker process seen from the event loop: started, asked, and killed when it does not answer.

Owns the subprocess and its pipes. Knows nothing of queues or of what is asked.
"""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process

from opendeep.offline.speech import frames
from opendeep.offline.speech.catalogue import BUILT_IN_RECOGNISER, RECOGNISERS, EngineChoice
from opendeep.offline.speech.frames import FrameError, Message
from opendeep.offline.speech.types import SpeechEngineFault, SpeechEngineMissing

WORKER_MODULE = "opendeep.offline.speech.worker"
EXIT_ENGINE_MISSING = 3
START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 2.0


class WorkerProcess:
    """A started worker. Build it with `WorkerProcess.start()`."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, engine: EngineChoice = BUILT_IN_RECOGNISER) -> "WorkerProcess":
        """Start and wait until it is ready. Raises `SpeechEngineMissing`, `SpeechEngineFault`.

        It gets a session of its own: Ctrl-C in the terminal is for us, and it ends when its stdin closes. What it has
        to say about its own death goes to our stderr.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            WORKER_MODULE,
            engine.name,
            engine.model,
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                await worker._receive()
        except (TimeoutError, SpeechEngineFault, FrameError) as error:
            code = await worker.stop()
            if code == EXIT_ENGINE_MISSING:
                kind = next(kind for kind in RECOGNISERS if kind.name == engine.name)
                message = f"speech recognition by {kind.name} does not start; its line above says why ({kind.install})"
                raise SpeechEngineMissing(message) from error
            raise SpeechEngineFault(f"the speech recogniser did not start (exit code {code})") from error
        except asyncio.CancelledError:
            await worker.stop()
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, message: Message) -> Message:
        """One message, one answer. Raises `SpeechEngineFault` when the process died, `FrameError` for nonsense."""
        assert self._process.stdin is not None  # noqa: S101 - PIPE was asked for
        try:
            self._process.stdin.write(frames.encode(message))
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise SpeechEngineFault("the speech recogniser died") from error
        return await self._receive()

    async def stop(self) -> int | None:
        """Close its input, then kill it if it does not end. Returns the exit code. Idempotent."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                return await self._process.wait()
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        """End it at once and wait for its end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        return await self._process.wait()

    async def _receive(self) -> Message:
        assert self._process.stdout is not None  # noqa: S101 - PIPE was asked for
        read = self._process.stdout.readexactly
        try:
            head, body = frames.lengths(await read(frames.LENGTHS.size))
            return frames.decode(await read(head), await read(body))
        except (asyncio.IncompleteReadError, ConnectionResetError) as error:
            raise SpeechEngineFault("the speech recogniser died") from error
