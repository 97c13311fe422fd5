"""Speech to text for the offline world: whole utterances through a decoder in worker processes.

Owns the queue, the deadlines and the replacement of workers that die or hang. A lost worker costs its one utterance:
that call gets "nothing understood" and asks again. How words are found lives in `decoder`, what they mean in `intents`.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog

from opendeep.offline.speech.catalogue import BUILT_IN_RECOGNISER, EngineChoice
from opendeep.offline.speech.frames import FrameError, Message
from opendeep.offline.speech.intents import intents_of
from opendeep.offline.speech.types import NOTHING_UNDERSTOOD, Recognition, SpeechEngineFault, SpeechEngineMissing
from opendeep.offline.speech.worker_process import WorkerProcess

log = structlog.get_logger(__name__)

LONGEST_UTTERANCE_S = 30.0
"""Of longer utterances the beginning is recognised: what somebody says first is what they want."""
SHORTEST_UTTERANCE_S = 0.06
MAX_WAITING = 32
"""Utterances in line for a worker; when full, the newest is answered with "nothing understood" at once."""
BASE_DEADLINE_S = 6.0
DEADLINE_PER_SPEECH_S = 1.0
"""Decoding takes 0.1 to 0.3 of the speech's length; ten times that is a hang."""
RESTART_FIRST_S = 0.5
RESTART_MAX_S = 15.0
MAX_HINTS = 64
MAX_HINT_CHARS = 200


@dataclass(eq=False, slots=True)
class _Job:
    message: Message
    answer: asyncio.Future[Message | None]
    deadline: float


class WorkerRecognizer:
    """A `Recognizer`. `start()` before use, `close()` after."""

    def __init__(
        self,
        *,
        workers: int = 1,
        base_deadline_s: float = BASE_DEADLINE_S,
        engine: EngineChoice = BUILT_IN_RECOGNISER,
    ) -> None:
        """`base_deadline_s` plus the length of the speech is how long an utterance may take, waiting included."""
        if workers < 1:
            raise ValueError("a recogniser needs at least one worker process")
        self.name = engine.name
        self._slots = [_Slot(number, engine) for number in range(workers)]
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue(MAX_WAITING)
        self._tasks: list[asyncio.Task[None]] = []
        self._numbered = 0
        self._base_deadline_s = base_deadline_s

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the workers alive now."""
        return [slot.worker.pid for slot in self._slots if slot.worker is not None]

    async def start(self) -> None:
        """Start all workers. Raises `SpeechEngineMissing`, `SpeechEngineFault`; then none is left behind."""
        try:
            await asyncio.gather(*(slot.open() for slot in self._slots))
        except BaseException:
            await self.close()
            raise
        self._tasks = [
            asyncio.create_task(slot.work(self._jobs), name=f"speech.recogniser.{slot.number}") for slot in self._slots
        ]

    async def close(self) -> None:
        """End the workers; whoever still waits gets "nothing understood". Idempotent."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while not self._jobs.empty():
            _settle(self._jobs.get_nowait(), None)
        await asyncio.gather(*(slot.close() for slot in self._slots))

    async def recognize(
        self, pcm: bytes, *, sample_rate: int = 8000, expects: str = "any", hints: tuple[str, ...] = ()
    ) -> Recognition:
        """See `Recognizer`."""
        if len(pcm) < 2 * SHORTEST_UTTERANCE_S * sample_rate:
            return NOTHING_UNDERSTOOD
        sound = pcm[: 2 * int(LONGEST_UTTERANCE_S * sample_rate)]
        speech_s = len(sound) / 2 / sample_rate
        head = {"do": "recognize", "sample_rate": sample_rate, "expects": expects, "hints": _bounded(hints)}
        answer = await self._ask(head, sound, self._base_deadline_s + DEADLINE_PER_SPEECH_S * speech_s)
        if answer is None:
            return NOTHING_UNDERSTOOD
        text = str(answer.head["text"])
        return Recognition(
            text=text,
            confidence=float(answer.head["confidence"]),
            intents=intents_of(text),
            spotted=tuple(answer.head["spotted"]),
        )

    async def prepare(self, *, expects: str = "any", hints: tuple[str, ...] = ()) -> None:
        """Let a worker build the language model for what will be asked, before the answer comes. Best effort."""
        await self._ask({"do": "prepare", "expects": expects, "hints": _bounded(hints)}, b"", self._base_deadline_s)

    async def _ask(self, head: dict[str, Any], body: bytes, timeout_s: float) -> Message | None:
        loop = asyncio.get_running_loop()
        self._numbered += 1
        job = _Job(Message({**head, "id": self._numbered}, body), loop.create_future(), loop.time() + timeout_s)
        if not self._tasks:
            return None
        try:
            self._jobs.put_nowait(job)
        except asyncio.QueueFull:
            log.warning("speech.recogniser_busy", waiting=self._jobs.qsize())
            return None
        try:
            async with asyncio.timeout_at(job.deadline):
                answer = await job.answer
        except TimeoutError:
            log.warning("speech.recognition_late", timeout_s=timeout_s)
            return None
        if answer is not None and answer.head["unknown"]:
            # The words are names of people: the log counts them, DEBUG shows them.
            log.info("speech.words_without_pronunciation", count=len(answer.head["unknown"]))
            log.debug("speech.unknown_words", words=answer.head["unknown"])
        return answer


class _Slot:
    """The place of one worker: takes jobs, replaces the process when it must."""

    def __init__(self, number: int, engine: EngineChoice) -> None:
        self.number = number
        self._engine = engine
        self.worker: WorkerProcess | None = None

    async def open(self) -> None:
        self.worker = await WorkerProcess.start(self._engine)

    async def close(self) -> None:
        worker, self.worker = self.worker, None
        if worker is not None:
            await worker.stop()

    async def work(self, jobs: "asyncio.Queue[_Job]") -> None:
        """Answer jobs for ever; ends only when cancelled, and then leaves no job unanswered."""
        while True:
            worker = self.worker or await self._replace()
            job = await jobs.get()
            if job.answer.done():
                continue
            try:
                async with asyncio.timeout_at(job.deadline):
                    _settle(job, await worker.ask(job.message))
            except (SpeechEngineFault, FrameError, TimeoutError) as error:
                log.warning("speech.recogniser_lost", worker=self.number, pid=worker.pid, error=repr(error))
                self.worker = None
                _settle(job, None)
                await worker.kill()
            except asyncio.CancelledError:
                self.worker = None
                _settle(job, None)
                await worker.kill()
                raise

    async def _replace(self) -> WorkerProcess:
        """A new process, tried again with growing pauses until there is one."""
        pause = RESTART_FIRST_S
        while True:
            try:
                self.worker = await WorkerProcess.start(self._engine)
            except (SpeechEngineFault, SpeechEngineMissing, OSError) as error:
                log.error("speech.recogniser_restart_failed", worker=self.number, error=repr(error), retry_in_s=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, RESTART_MAX_S)
            else:
                log.info("speech.recogniser_replaced", worker=self.number, pid=self.worker.pid)
                return self.worker


def _settle(job: _Job, answer: Message | None) -> None:
    if not job.answer.done():
        job.answer.set_result(answer)


def _bounded(hints: tuple[str, ...]) -> list[str]:
    return [hint[:MAX_HINT_CHARS] for hint in hints[:MAX_HINTS]]
