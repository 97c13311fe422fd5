"""`AudioSocketHandler`: one live call, from the first ring to the last row.

Joins the AudioSocket line, the playout, the Realtime session, the tools and the transcript; owns the call's lifetime,
its deadlines and its clean end, whatever fails. What events mean is `live_conversation`'s, what tools do `call_tools`'.
It speaks to the telephony side only over the call's channel.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Final
from uuid import UUID

import structlog

from opendeep.audio_processing_service import realtime_protocol as protocol
from opendeep.audio_processing_service.audiosocket_connection import AudioSocketConnection
from opendeep.audio_processing_service.call_parts import CallParts
from opendeep.audio_processing_service.call_records import load_brief
from opendeep.audio_processing_service.call_tools import CallTools, ToolPorts
from opendeep.audio_processing_service.call_watch import LineFacts, WatchAct
from opendeep.audio_processing_service.finishing import to_its_end
from opendeep.audio_processing_service.line_sentences import LineSentence, words_heard
from opendeep.audio_processing_service.live_control import ControlPorts, LiveControl
from opendeep.audio_processing_service.recorder import Recorder
from opendeep.audio_processing_service.tool_ground import ToolGround
from opendeep.audio_processing_service.user_questions import QuestionPorts
from opendeep.audio_processing_service.voice_services import VoiceServices
from opendeep.common.call_facts import STOPPED_BY_USER
from opendeep.common.campaign_plan import TaskBrief
from opendeep.common.channels import USER_HUNG_UP, VOICE_UNAVAILABLE, call_commands
from opendeep.common.data_models import CallBrief
from opendeep.common.errors import DatabaseUnavailable, ProviderFault, ProviderRefused
from opendeep.common.redis_client import Subscription
from opendeep.config.prompt_config import (
    CALL_PROMPT_VERSION,
    TIME_IS_UP_NOTE,
    bridge_instructions,
    realtime_instructions,
)
from opendeep.config.prompt_line_faults import line_broke_note
from opendeep.config.prompt_tools import call_tools

log = structlog.get_logger(__name__)

MAX_LOSSES: Final = 1  # sessions in a row that may be lost and opened again


class AudioSocketHandler:
    """Build one per expected call and await `run()` once. `attach` gives it its line."""

    def __init__(self, call_id: UUID, services: VoiceServices, counters: Counter[str]) -> None:
        self.call_id = call_id
        self._services = services
        self._times = services.times
        self._counters = counters
        self._brief: CallBrief | None = None
        self._recorder: Recorder | None = None
        self._script: str | None = None  # the version of what is said word for word
        parts = CallParts(call_id, services, counters, self)
        self._rows, self._records, self._usage, self._book = parts.rows, parts.records, parts.usage, parts.book
        self._line, self._session, self._senses = parts.line, parts.session, parts.senses
        self._conversation, self._watch, self._tools = parts.conversation, parts.watch, parts.tools
        self._fetching = parts.fetching
        self._control = self._steered(parts)
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted = asyncio.Event()
        self._attached = asyncio.Event()
        self._over = asyncio.Event()
        self._words_came = asyncio.Event()
        self._ending: str | None = None
        self._end_reason = "ended"

    # -- for the server

    def attach(self, connection: AudioSocketConnection) -> bool:
        """Take over the call's line; False when it has one already or is over."""
        if self._line.attached or self._over.is_set():
            return False
        self._wanted.set()
        self._attached.set()
        self._line.attach(connection)
        return True

    def close_line(self) -> None:
        """Stop sending and close the line; `run` does so itself unless it failed. Idempotent."""
        self._line.close()

    async def run(self) -> None:
        """The whole call. Returns when everything is closed and written; a cancellation closes it as well."""
        async with self._services.bell.listen(call_commands(self.call_id)) as inbox:
            with structlog.contextvars.bound_contextvars(call_id=str(self.call_id)):
                brief = await load_brief(self._services.db, self._services.clock, self._services.zones, self.call_id)
                if brief is None:
                    return
                call = brief.call
                with structlog.contextvars.bound_contextvars(
                    user_id=str(call.user_id), campaign_id=str(call.campaign_id), task_id=str(call.task_id)
                ):
                    self._prepare(brief)
                    await self._hold(inbox)

    # -- for its parts

    def line_closed(self, reason: str) -> None:
        """The AudioSocket is gone."""
        self._finish_with(self._ending or reason)

    def text_arrived(self) -> None:
        """Words were recognised."""
        self._words_came.set()

    # -- the life of the call

    def _prepare(self, brief: CallBrief) -> None:
        services = self._services
        self._brief = brief
        self._records.know(brief)
        self._control.know(brief.call.user_id)
        task = TaskBrief.model_validate(brief.task.brief)
        self._session.voice = voice = services.voice_for(task.engine)
        self._usage.of(voice.settings.model, voice.settings.transcription_model, voice.settings.prices)
        self._script = task.script.version if task.script else None
        self._watch.limit_ms = int(task.max_call_minutes * 60_000)
        self._line.language = task.language
        self._tools.equip(self._call_tools(brief), bridge_instructions(brief))
        if services.recordings is not None:
            self._recorder = services.recordings.recorder(brief.call.user_id, self.call_id)
            self._line.record(self._recorder)

    def _call_tools(self, brief: CallBrief) -> CallTools:
        services = self._services
        questions = QuestionPorts(tell=lambda text: self._conversation.tell(text, role="user"), spawn=self.spawn)
        ports = ToolPorts(
            end=self.end,
            stop_recording=self._stop_recording,
            words_played=self._tools.words_out,
            taken_over=lambda: self._control.taken_over,
            fetching=self._fetching,
            questions=questions,
        )
        ground = ToolGround(
            brief,
            services.db,
            services.bell,
            services.clock,
            self._records,
            services.tools,
            lambda: self._book.last_callee_turn,
        )
        return CallTools(ground, ports, services.lookups)

    async def _hold(self, inbox: Subscription) -> None:
        writer = asyncio.create_task(self._rows.run(), name=f"call:{self.call_id}:rows")
        try:
            self.spawn(self._obey(inbox), "commands")
            self.spawn(self._talk(), "talk")
            await self._over.wait()
        finally:
            closing = asyncio.create_task(self._finish(writer), name=f"call:{self.call_id}:finish")
            await to_its_end(closing)

    async def _obey(self, inbox: Subscription) -> None:
        """Messages of the call's channel; without any, the row says whether the call still lives."""
        while True:
            message = await inbox.next(timeout=self._times.look_s)
            if message is None:
                await self._look()
                continue
            match message.data.get("type"):
                case "ringing" | "answered":
                    self._wanted.set()
                case "ended":
                    self._finish_with(self._ending or "ended")
                case "hangup" if message.data.get("reason") == USER_HUNG_UP:
                    self._records.note(STOPPED_BY_USER, "You hung up.")
                case _:
                    self._tools.receive(message.data)
                    self._control.receive(message.data)

    async def _look(self) -> None:
        try:
            call = await self._services.db.get_call_by_id(self.call_id)
        except DatabaseUnavailable as error:
            log.warning("call.row_unreadable", error=str(error))
            return
        if not call.live:
            self._finish_with(self._ending or "ended")

    async def _talk(self) -> None:
        """Open the session while it rings, converse once answered, replace a lost session once, else end the call."""
        await self._wanted.wait()
        try:
            await self._session.open()
        except ProviderFault as error:
            log.warning("call.session_not_opened_early", error=str(error))
            if isinstance(error, ProviderRefused) and not self._attached.is_set():
                await self._tell("hangup", reason=VOICE_UNAVAILABLE)  # nobody need pick up to hear nothing
                return self._finish_with(VOICE_UNAVAILABLE)
        await self._attached.wait()
        await self._tell("media_started")
        losses = 0
        while True:
            began = self._services.clock.monotonic()
            end = await self._session.hold(self._begin)
            self._line.playout.complete_all()
            self._words_came.set()
            if self._ending is not None:
                return
            losses = 1 if self._services.clock.monotonic() - began >= self._times.steady_s else losses + 1
            log.warning("call.session_lost", reason=end.reason, fatal=end.fatal, losses=losses)
            final = end.fatal or losses > MAX_LOSSES
            heard = self._say(LineSentence.LINE_IS_LOST if final else LineSentence.ONE_MOMENT)
            detail = f"The voice AI was lost: {end.reason}. The other side heard {heard}."
            self._records.note("call.voice_lost", detail, reason=end.reason, fatal=end.fatal)
            if final:
                await self._control.until_given_back()  # a human speaks meanwhile
                ours = self._book.ai_spoke or (end.fatal and not end.everywhere)  # else nobody could have talked
                self.end("provider_failed" if ours else VOICE_UNAVAILABLE)
                return

    def _begin(self) -> None:
        """Full instructions, what was said before if anything was, and at once the first response: nothing waits for
        `session.updated`."""
        if self._brief is None:
            raise RuntimeError("the call is not prepared")
        services, send, recorded = self._services, self._session.send, self._recorder is not None
        tools = call_tools(services.tools.transfer_targets, lookups=services.lookups is not None)
        told = realtime_instructions(self._brief, services.clock.now(), recorded=recorded)
        send(protocol.full_session(told, tools))
        history = self._book.history()
        for event in protocol.history_items(history):
            send(event)
        for note in self._control.whispers:
            send(protocol.message("system", note))
        if history:
            send(protocol.message("system", line_broke_note(self._line.language)))
        self._conversation.begin_session(self._session.stream_offset_ms(self._line.now_ms))
        self._conversation.request_response()

    # -- every 100 ms

    def supervise(self) -> None:
        """What is overdue."""
        self._conversation.check()
        if self._ending is None:
            self._senses.check(self._line.now_ms, we_speak=self._control.taken_over or not self._line.playout.idle)
        facts = self._facts()
        self._tools.check(facts)
        match self._watch.check(facts):
            case WatchAct.PROMPT:
                self._conversation.request_response()
            case WatchAct.SAY_GOODBYE:
                self._conversation.tell(TIME_IS_UP_NOTE)
            case WatchAct.END_SILENCE:
                self.end("silence")
            case WatchAct.END_TIME:
                self.end("time_limit")
            case WatchAct.HANG_UP:
                self.spawn(self._tell("hangup", reason=self._ending), "hangup")
                self.close_line()

    def _facts(self) -> LineFacts:
        return LineFacts(
            now_ms=self._line.now_ms,
            session_live=self._session.live,
            playing=not self._line.playout.idle,
            callee_speaking=self._conversation.speaking,
            answering=self._conversation.responding or self._control.taken_over,
            tools_running=self._tools.running,
            waiting=self._tools.waits_for_user,
            on_hold=self._senses.on_hold,
            last_words_out=self._conversation.final_response_done,
        )

    def _steered(self, parts: CallParts) -> LiveControl:
        ports = ControlPorts(
            spawn=self.spawn,
            refusal=self._takes_no_orders,
            ai_live=lambda: self._session.live,
            text_arrived=self.text_arrived,
        )
        return LiveControl(self.call_id, self._services, self._counters, parts, ports)

    def _takes_no_orders(self) -> str | None:
        if self._ending is not None or self._over.is_set():
            return "The call is ending."
        return None if self._line.attached else "Nobody has answered the call yet."

    # -- ending

    def end(self, reason: str) -> None:
        """End the call when what is queued was played. Idempotent: the first reason counts."""
        if self._ending is None:
            log.info("call.ending", reason=reason)
            self._ending = str(reason)
            self._watch.end(self._line.now_ms)
            self._conversation.close()
            self.spawn(self._await_line_end(), "line-end")

    async def _await_line_end(self) -> None:
        """Without a line, or with a ticker that does not beat, the call still ends."""
        await self._services.clock.sleep(self._times.farewell_s + self._times.line_close_s)
        self._finish_with(self._ending or "ended")

    def _finish_with(self, reason: str) -> None:
        if not self._over.is_set():
            self._end_reason = reason
            self._over.set()

    async def _finish(self, writer: asyncio.Task[None]) -> None:
        """Close everything in order and write the last rows; each step has a deadline."""
        self.close_line()
        self._services.meter.flush()
        self._senses.close()
        if self._line.attached:
            await self._await_last_words()
        await self._tools.settle()
        self._end_reason = "transferred" if self._tools.transferred else self._end_reason
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tools.close()
        await self._session.close()
        self._book.close(self._line.now_ms)
        if self._recorder is not None:
            await self._recorder.close()
        if self._book.ai_spoke:
            self._session.voice.breaker.spoke()
        if self._line.attached:
            self._record_media()
        self._rows.finish()
        _, late = await asyncio.wait({writer}, timeout=self._times.rows_s)
        if late:
            log.error("call.rows_lost", effect="the database stayed away; transcript or usage is incomplete")
            writer.cancel()
        log.info(
            "call.media_ended", reason=self._end_reason, ms=self._line.now_ms, cut=self._conversation.interruptions
        )
        if self._attached.is_set():
            await self._tell("media_ended", reason=self._end_reason)

    async def _await_last_words(self) -> None:
        """What the callee said last is still being recognised."""
        if not self._session.live:
            return
        self._conversation.commit_speech()
        try:
            async with asyncio.timeout(self._times.last_words_s):
                while self._book.waiting_for_text and self._session.live:
                    self._words_came.clear()
                    await self._words_came.wait()
        except TimeoutError:
            log.info("call.last_words_missing")

    # -- inside

    async def _stop_recording(self) -> bool:
        """The other side does not want it. False when there is no recording."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return False
        self._line.stop_recording()
        await recorder.discard()
        return True

    def _record_media(self) -> None:
        path = self._recorder.path if self._recorder is not None else None
        self._usage.sessions = self._session.opened
        usage = self._usage.as_json(
            prompt=CALL_PROMPT_VERSION,
            script=self._script,
            line_ms=self._line.now_ms,
            held_ms=self._senses.held_ms,
            interruptions=self._conversation.interruptions,
        )
        self._records.media(usage, path)

    def _say(self, sentence: LineSentence) -> str:
        """Let the line speak for the AI, unless nobody listens or somebody speaks; what was heard, in words."""
        if self._senses.on_hold or self._control.taken_over:
            return "nothing of it"
        self._line.say(sentence)
        return words_heard(sentence, self._line.language)

    async def _tell(self, kind: str, **data: Any) -> None:
        await self._services.bell.ring(call_commands(self.call_id), {"type": kind, **data})

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=f"call:{self.call_id}:{name}")
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:  # boundary: one task of one call
            log.error("call.task_failed", task=task.get_name(), exc_info=error)
            self.end("internal_error") if self._ending is None else self._finish_with("internal_error")
