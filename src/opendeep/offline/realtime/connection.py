"""The shell around one Realtime session: socket, clock, speech engines.

Owns the tasks of one client connection (all in one TaskGroup, named after the session) and the pacing of audio. What
an event means is decided in `session`, what is said in the script.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
import structlog

from opendeep.common.errors import PeerFault
from opendeep.offline.minds.small_talk import ToolCall
from opendeep.offline.realtime.events import ClientMistake
from opendeep.offline.realtime.jobs import AheadJob, Job, PrepareJob, RecognizeJob, RespondJob, StopJob
from opendeep.offline.realtime.line import LINE_RATE, Activity
from opendeep.offline.realtime.ports import Disconnected, Engines, Mind, Preparing, Socket, Voiced
from opendeep.offline.realtime.response import Response
from opendeep.offline.realtime.session import RealtimeSession
from opendeep.offline.realtime.settings import TurnSettings
from opendeep.offline.realtime.thinking import Think
from opendeep.offline.script import AwaitQuiet, CallTool, Heard, Say, SayRole
from opendeep.offline.speech.tempo import at_speed
from opendeep.offline.speech.types import Recognition

AUDIO_PIECE_MS: Final = 200  # audio per delta
LEAD_MS: Final = 400  # sent at once, before pacing begins
SENTENCE_GAP_MS: Final = 120  # silence between two sentences
RECOGNITION_DEADLINE_S: Final = 15.0
SYNTHESIS_DEADLINE_S: Final = 15.0
QUIET_DEADLINE_S: Final = 8.0  # a client that stops sending audio does not hold a turn for ever
CLOSE_DEADLINE_S: Final = 5.0
MAX_UNSENT_EVENTS: Final = 256  # beyond it the voice waits for the client
CLOSE_EXPIRED: Final = 1001  # the vendor's close code at the maximum duration

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """`lifetime_s`: a session's greatest length. `pace`: audio seconds sent per second after the first `LEAD_MS`."""

    lifetime_s: float = 3_600.0
    pace: float = 5.0


class Pacer:
    """Says how long to wait so that audio leaves at `pace` times real time. Time is an argument."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._start_s: float | None = None
        self._sent_ms = 0.0

    def delay_s(self, now_s: float, piece_ms: float) -> float:
        """Seconds to wait before the next piece of `piece_ms` goes out."""
        self._start_s = now_s if self._start_s is None else self._start_s
        ahead_ms = self._sent_ms - LEAD_MS
        self._sent_ms += piece_ms
        if math.isinf(self._pace) or ahead_ms <= 0:
            return 0.0
        return max(0.0, self._start_s + ahead_ms / 1000 / self._pace - now_s)


class RealtimeConnection:
    """Runs one session until the client goes or the session expires."""

    def __init__(
        self,
        socket: Socket,
        engines: Engines,
        *,
        model: str,
        stem: str,
        now_s: float,
        limits: ConnectionLimits | None = None,
        mind: Mind | None = None,
    ) -> None:
        """`now_s`: Unix time, for `expires_at`. `stem`: random, makes the ids of this session unique. `mind`: talks
        where the instructions carry no call brief; None: small talk."""
        self._socket = socket
        self._mind = mind
        self._engines = engines
        self._limits = limits or ConnectionLimits()
        self._stem = stem
        self._session = RealtimeSession(
            model=model,
            make_activity=self._voice_activity,
            stem=stem,
            expires_at=int(now_s + self._limits.lifetime_s),
            today=datetime.fromtimestamp(now_s).astimezone().date(),
            thinks=mind is not None,
            now=time.monotonic,
        )
        self._to_send = asyncio.Event()
        self._sent = asyncio.Event()
        self._performers: dict[str, asyncio.Task[None]] = {}
        self._recognitions: set[asyncio.Task[None]] = set()
        self._ahead: tuple[AheadJob, asyncio.Task[Recognition | None]] | None = None
        self._preparations: set[asyncio.Task[None]] = set()
        self._audio_arrived = asyncio.Event()
        self._group = asyncio.TaskGroup()
        self._log = logger.bind(realtime_session=stem)

    async def run(self) -> None:
        """Serve the session. Returns when it is over; all its tasks have ended then."""
        self._log.info("offline_session_opened")
        async with self._group:
            expiry = self._group.create_task(self._expire(), name=f"realtime-expiry-{self._stem}")
            writer = self._group.create_task(self._write(), name=f"realtime-writer-{self._stem}")
            try:
                self._session.open()
                await self._settle()
                await self._read()
            except Disconnected:
                self._log.info("offline_session_closed")
            finally:
                for task in (expiry, writer, *self._performers.values(), *self._recognitions, *self._preparations):
                    task.cancel()
                self._forget_ahead()

    async def _read(self) -> None:
        while True:
            self._session.receive(await self._socket.receive())
            while self._session.listen():
                await self._settle()
                await asyncio.sleep(0)  # an append may carry minutes: let the other sessions breathe
            self._audio_arrived.set()
            await self._settle()

    async def _expire(self) -> None:
        await asyncio.sleep(self._limits.lifetime_s)
        minutes = int(self._limits.lifetime_s // 60)
        self._session.expire(minutes)
        await self._settle()
        async with asyncio.timeout(CLOSE_DEADLINE_S):
            while self._session.outbox:
                await self._wait_sent()
        await self._socket.close(CLOSE_EXPIRED, f"Your session hit the maximum duration of {minutes} minutes.")

    async def _settle(self) -> None:
        """Start the new jobs and have the events sent. Waits only for a client that reads too slowly."""
        while self._session.jobs:
            self._start(self._session.jobs.popleft())
        self._to_send.set()
        while len(self._session.outbox) > MAX_UNSENT_EVENTS:
            await self._wait_sent()

    async def _wait_sent(self) -> None:
        self._sent.clear()
        await self._sent.wait()

    async def _write(self) -> None:
        """The only sender: events leave in order, and a cancelled response loses none."""
        outbox = self._session.outbox
        try:
            while True:
                await self._to_send.wait()
                self._to_send.clear()
                while outbox:
                    await self._socket.send(orjson.dumps(outbox.popleft()).decode())
                    self._sent.set()
        except Disconnected:
            self._log.debug("client_gone_before_events", waiting=len(outbox))

    def _start(self, job: Job) -> None:
        if isinstance(job, AheadJob):
            self._forget_ahead()
            foreseen = self._group.create_task(self._look_ahead(job), name=f"realtime-foresee-{self._stem}")
            self._ahead = job, foreseen
        elif isinstance(job, RecognizeJob):
            task = self._group.create_task(
                self._recognize(job, self._taken_ahead(job)), name=f"realtime-hear-{job.item_id}"
            )
            self._recognitions.add(task)
            task.add_done_callback(self._recognitions.discard)
        elif isinstance(job, RespondJob):
            response = job.response
            task = self._group.create_task(self._perform(response), name=f"realtime-speak-{response.id}")
            self._performers[response.id] = task
            task.add_done_callback(lambda _: self._performers.pop(response.id, None) and None)
        elif isinstance(job, PrepareJob):
            task = self._group.create_task(self._prepare(job), name=f"realtime-prepare-{self._stem}")
            self._preparations.add(task)
            task.add_done_callback(self._preparations.discard)
        elif isinstance(job, StopJob) and job.response.id in self._performers:
            self._performers[job.response.id].cancel()

    def _voice_activity(self, turns: TurnSettings) -> Activity:
        return self._engines.voice_activity(
            threshold=turns.threshold,
            prefix_padding_ms=turns.prefix_padding_ms,
            silence_duration_ms=turns.silence_duration_ms,
            sample_rate=LINE_RATE,
        )

    async def _prepare(self, job: PrepareJob) -> None:
        """Boundary of getting ready: it may fail, the work itself will tell."""
        settings = self._session.settings
        recognizer = self._engines.recognizer
        try:
            async with asyncio.timeout(SYNTHESIS_DEADLINE_S):
                if isinstance(recognizer, Preparing):
                    await recognizer.prepare(expects=job.listen.expects, hints=job.listen.hints)
                for text in job.sentences:
                    for sentence in _SENTENCE_END.split(text):
                        rate = settings.output_format.rate
                        await self._engines.synthesizer.synthesize(
                            sentence, voice=self._own_voice(settings.voice), sample_rate=rate
                        )
        except Exception:  # boundary: a preparation only saves time
            self._log.warning("preparation_failed", exc_info=True)

    # --- hearing ----------------------------------------------------------------------------------------------------

    def _forget_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead[1].cancel()

    def _taken_ahead(self, job: RecognizeJob) -> asyncio.Task[Recognition | None] | None:
        """What is being understood of this utterance already, in view of the same question; it is the caller's now."""
        if job.ahead and self._ahead is not None:
            foreseen, task = self._ahead
            if (foreseen.expects, foreseen.hints) == (job.expects, job.hints):
                self._ahead = None
                return task
        self._forget_ahead()
        return None

    async def _look_ahead(self, job: AheadJob) -> Recognition | None:
        """Boundary of a guess: None where it came to nothing."""
        try:
            return await self._heard(job)
        except Exception:  # boundary: the utterance is understood in the ordinary way then
            self._log.warning("foresight_failed", exc_info=True)
            return None

    async def _heard(self, job: AheadJob | RecognizeJob) -> Recognition:
        async with asyncio.timeout(RECOGNITION_DEADLINE_S):
            return await self._engines.recognizer.recognize(
                job.pcm, sample_rate=LINE_RATE, expects=job.expects, hints=job.hints
            )

    async def _recognize(self, job: RecognizeJob, ahead: asyncio.Task[Recognition | None] | None) -> None:
        """Boundary of one utterance: whatever the recogniser does, the call goes on."""
        try:
            found = await ahead if ahead is not None else None
            if found is None:
                found = await self._heard(job)
        except Exception:  # boundary: one utterance
            self._log.exception("recognition_failed", item_id=job.item_id)
            self._session.recognition_failed(job.item_id, job.duration_ms)
        else:
            heard = Heard(
                found.text, found.confidence, frozenset(found.intents), frozenset(found.spotted), job.duration_ms
            )
            self._log.info("utterance_recognized", transcript=heard.text, confidence=round(heard.confidence, 2))
            self._session.recognized(job.item_id, heard)
        await self._settle()

    # --- speaking ---------------------------------------------------------------------------------------------------

    async def _perform(self, response: Response) -> None:
        """Boundary of one response: a failure ends the response, not the session."""
        try:
            await self._act_out(response)
        except ClientMistake as mistake:
            self._fail(response, "invalid_request_error", mistake.code, mistake.message)
        except Exception:  # boundary: one response
            self._log.exception("response_failed", response_id=response.id)
            self._fail(response, "server_error", "offline_voice_failed", "The offline voice could not speak.")
        await self._settle()

    def _fail(self, response: Response, kind: str, code: str, message: str) -> None:
        self._session.finish(response, "failed", type=kind, code=code, message=message)

    async def _act_out(self, response: Response) -> None:
        while not self._session.understood(response) and self._recognitions:
            await asyncio.wait(set(self._recognitions), return_when=asyncio.FIRST_COMPLETED)
        pacer = Pacer(self._limits.pace)
        for act in self._session.plan(response):
            if isinstance(act, AwaitQuiet):
                await self._await_quiet(act.quiet_ms)
            elif isinstance(act, Say):
                await self._say(response, act.text, pacer, whole=act.role is SayRole.DISCLOSURE)
            elif isinstance(act, CallTool):
                await self._call(response, act.name, act.arguments)
            elif isinstance(act, Think) and not await self._think(response, act, pacer):
                return
            if response.over_budget:
                self._session.finish(response, "incomplete", "max_output_tokens")
                return
        self._session.finish(response, "completed")

    async def _call(self, response: Response, name: str, arguments: Mapping[str, object]) -> None:
        response.call(name, dict(arguments))
        await self._settle()

    async def _think(self, response: Response, act: Think, pacer: Pacer) -> bool:
        """Say and call what the language model answers, sentence by sentence. False: it could not, and that is told."""
        if self._mind is None:
            raise RuntimeError("no language model was given to this connection")
        try:
            async with aclosing(self._mind.answer(act.messages, act.offer, max_tokens=act.max_tokens)) as parts:
                async for part in parts:
                    if isinstance(part, ToolCall):
                        await self._call(response, part.name, part.arguments)
                    else:
                        await self._say(response, part, pacer)
                    if response.over_budget:
                        break
        except PeerFault as fault:
            self._log.warning("language_model_failed", error=str(fault))
            self._fail(response, "server_error", "language_model_failed", str(fault))
            return False
        return True

    async def _await_quiet(self, quiet_ms: int) -> None:
        """Wait for the end of a greeting: on the stream's own time, with a deadline on the clock."""
        try:
            async with asyncio.timeout(quiet_ms / 1000 + QUIET_DEADLINE_S):
                while not self._session.line.greeting_over(quiet_ms):
                    self._audio_arrived.clear()
                    await self._audio_arrived.wait()
        except TimeoutError:
            self._log.warning("greeting_end_unseen", quiet_ms=quiet_ms)

    async def _say(self, response: Response, text: str, pacer: Pacer, *, whole: bool = False) -> None:
        response.begin_sentence(whole=whole)
        for sentence in _SENTENCE_END.split(text):
            if not response.speaks:
                response.words(sentence)
                continue
            pcm = await self._synthesize(sentence, response)
            response.words(sentence)
            await self._send_audio(response, pcm, pacer)
        response.end_sentence()
        await self._settle()

    async def _synthesize(self, sentence: str, response: Response) -> bytes:
        rate = response.wish.audio_format.rate
        async with asyncio.timeout(SYNTHESIS_DEADLINE_S):
            pcm = await self._engines.synthesizer.synthesize(
                sentence, voice=self._own_voice(response.wish.voice), sample_rate=rate
            )
        if response.wish.speed != 1.0:
            pcm = await asyncio.to_thread(at_speed, pcm, rate, response.wish.speed)
        return pcm + bytes(SENTENCE_GAP_MS * rate // 1000 * 2)

    def _own_voice(self, wanted: str) -> str | None:
        """The engine's voice for a session's voice; the vendor's names (marin, cedar …) all give the default one."""
        synthesizer = self._engines.synthesizer
        return wanted if isinstance(synthesizer, Voiced) and wanted in synthesizer.voices else None

    async def _send_audio(self, response: Response, pcm: bytes, pacer: Pacer) -> None:
        size = AUDIO_PIECE_MS * response.wish.audio_format.rate // 1000 * 2
        loop = asyncio.get_running_loop()
        for start in range(0, len(pcm), size):
            piece = pcm[start : start + size]
            await asyncio.sleep(pacer.delay_s(loop.time(), len(piece) * AUDIO_PIECE_MS / size))
            response.audio(piece)
            await self._settle()
