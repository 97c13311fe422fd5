"""One Realtime session as a pure protocol: client events in, server events and jobs out.

Owns the session's state: settings, conversation, line, turn taking, the active response, and what the conversation
still has to react to. No socket, no clock, no speech engine: recognised words and synthesised audio are inputs, the
shell (`connection`) performs the jobs. Sequences follow A4 to A7 of the protocol notes.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from datetime import date
from typing import Any, Final

import orjson

from opendeep.offline.minds.small_talk import read_offer
from opendeep.offline.realtime.events import ClientMistake, Event, Ids, field
from opendeep.offline.realtime.foresight import Foresight
from opendeep.offline.realtime.general_talk import GeneralTalk, answer_apart
from opendeep.offline.realtime.item_events import ItemEvents, set_transcript
from opendeep.offline.realtime.items import Conversation, Item, decode_audio, words_of_item
from opendeep.offline.realtime.jobs import AheadJob, Job, PrepareJob, RecognizeJob, RespondJob, StopJob
from opendeep.offline.realtime.line import BYTES_PER_MS, LINE_RATE, ActivityFactory, Line
from opendeep.offline.realtime.pending import PendingInputs
from opendeep.offline.realtime.rate import RateLimit
from opendeep.offline.realtime.response import Response
from opendeep.offline.realtime.settings import SessionSettings, read_brief
from opendeep.offline.realtime.thinking import Think, think
from opendeep.offline.realtime.wish import ResponseWish, read_wish
from opendeep.offline.script.acts import Act, Listen, Say
from opendeep.offline.script.brief import CallBrief
from opendeep.offline.script.machine import ScriptedConversation
from opendeep.offline.script.talk import Talk
from opendeep.offline.script.understanding import Heard

LISTEN_STEP_MS: Final = 500
MIN_COMMIT_MS: Final = 100
MAX_APPEND_BYTES: Final = 15 * 1024 * 1024
MAX_RECOGNIZED_MS: Final = 20_000  # longer utterances are understood by their last part
MAX_OUT_OF_BAND: Final = 4

_VERBATIM = re.compile(r"^\s*say\b[^:\n]{0,160}:\s*[\"“]?(.+?)[\"”]?\s*$", re.IGNORECASE | re.DOTALL)


class RealtimeSession:
    """One session. `outbox` and `jobs` are emptied by the shell after every call."""

    def __init__(
        self,
        *,
        model: str,
        make_activity: ActivityFactory,
        stem: str,
        expires_at: int,
        today: date = date.min,
        thinks: bool = False,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`today`: the day of relative dates. `thinks`: a language model talks where there is no brief. `now`: seconds
        of a clock that only goes forward, for the rate limit."""
        self.ids = Ids(stem)
        self.settings = SessionSettings(self.ids.new("sess"), model, expires_at)
        self.conversation = Conversation()
        self.line = Line(make_activity)
        self.outbox: deque[Event] = deque()
        self.jobs: deque[Job] = deque()
        self._today = today
        self._thinks = thinks
        self._now = now
        self._rate = RateLimit()
        self._general = GeneralTalk(today)
        self.talk: Talk = self._general
        self._prepared_for: Listen | None = None
        self._brief: CallBrief | None = None
        self._conversation_id = self.ids.new("conv")
        self._pending = PendingInputs()
        self._foresight = Foresight()
        self._items = ItemEvents(
            self.ids, self.settings, self.conversation, self._emit,
            created=self._item_created, cut=self._item_cut, deleted=self._item_deleted,
        )  # fmt: skip
        self._unheard_inputs: dict[str, Item] = {}
        self._active: Response | None = None
        self._out_of_band: list[Response] = []
        self._previous: Response | None = None
        self._respond_after = False
        self._spoken = False
        self._speech_item = ""
        self._idle_at_ms: int | None = None
        self._line_configured = False
        self._unheard = b""
        self._handlers = self._handlers_by_type()

    def _handlers_by_type(self) -> dict[str, Callable[[Event], None]]:
        return {
            "session.update": self._session_update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._items.create,
            "conversation.item.retrieve": self._items.retrieve,
            "conversation.item.truncate": self._items.truncate,
            "conversation.item.delete": self._items.delete,
            "response.create": self._response_create,
            "response.cancel": self._response_cancel,
        }

    # --- from the client --------------------------------------------------------------------------------------------

    def open(self) -> None:
        """`session.created`, at once."""
        self._emit("session.created", session=self.settings.as_field())

    def receive(self, message: str | bytes) -> None:
        """One message of the client. A mistake in it becomes an `error` event."""
        event_id: str | None = None
        try:
            if isinstance(message, bytes):
                raise ClientMistake("invalid_event", "Events are JSON in text frames, not binary frames.")
            try:
                event = orjson.loads(message)
            except orjson.JSONDecodeError as error:
                raise ClientMistake("invalid_event", f"The message is not JSON: {error}.") from error
            if not isinstance(event, dict):
                raise ClientMistake("invalid_event", "An event is a JSON object.")
            event_id = event.get("event_id") if isinstance(event.get("event_id"), str) else None
            kind = field(event, "type", str)
            handler = self._handlers.get(kind)
            if handler is None:
                known = ", ".join(f"'{name}'" for name in self._handlers)
                message_text = f"Invalid value: '{kind[:100]}'. Supported values are: {known}."
                raise ClientMistake("invalid_value", message_text, param="type")
            handler(event)
        except ClientMistake as mistake:
            self.outbox.append(self.ids.error(mistake, event_id))

    def expire(self, minutes: int) -> None:
        """The session has reached its greatest length; the shell closes the socket after this."""
        text = f"Your session hit the maximum duration of {minutes} minutes."
        self.outbox.append(self.ids.error(ClientMistake("session_expired", text), None))

    # --- from the shell ---------------------------------------------------------------------------------------------

    def understood(self, response: Response) -> bool:
        """False while an utterance that this response answers is not recognised yet."""
        if response.wish.input is not None:
            return not any(item.id in self._unheard_inputs for item in response.wish.input)
        return not response.wish.in_band or not self._pending.unresolved

    def recognized(self, item_id: str, heard: Heard) -> None:
        """What was understood of an utterance."""
        apart = self._unheard_inputs.pop(item_id, None)
        if apart is not None:
            set_transcript(apart, heard.text)
        self._pending.resolve(item_id, heard)
        self._items.transcribed(item_id, heard.text)

    def recognition_failed(self, item_id: str, duration_ms: int) -> None:
        """The recogniser broke down: the utterance counts as heard but not understood."""
        self._unheard_inputs.pop(item_id, None)
        self._pending.resolve(item_id, Heard("", 0.0, duration_ms=duration_ms))
        self._items.not_transcribed(item_id)

    def plan(self, response: Response) -> tuple[Act | Think, ...]:
        """What the response says and does. Takes up everything heard since the last one.

        Raises ClientMistake for an out-of-band response that would need a thinking model.
        """
        wish = response.wish
        verbatim = _VERBATIM.match(wish.instructions)
        if verbatim:
            return (Say(" ".join(verbatim.group(1).split())),)
        apart = not wish.in_band or (wish.input is not None and self._brief is None)
        if apart and not self._thinks:
            return answer_apart(wish, self.conversation, self._today)
        if not apart:
            self._follow_up(response)
        response.usage.count_input(self.conversation, self.settings.instructions)
        if self._thinks and (apart or self._brief is None):
            if not apart:
                self._pending.clear()
            return (think(wish, self.conversation, self.settings.instructions),)
        self._general.offer = wish.offer
        acts = self._pending.react(self.talk)
        self._prepare(())
        return acts

    def _follow_up(self, response: Response) -> None:
        """What became of the response before this one."""
        if self._previous is not None and self._previous.interrupted:
            self.talk.cut(said=self._previous.heard_sentences(), called=self._previous.calls_sent)
        self._previous = response

    def finish(self, response: Response, status: str, reason: str | None = None, **error: Any) -> None:
        """End a response. Harmless when it has ended already."""
        if not response.active:
            return
        response.finish(status, reason, error or None)
        self._emit("rate_limits.updated", rate_limits=self._rate.as_field(self._now()))
        if response in self._out_of_band:
            self._out_of_band.remove(response)
        if response is not self._active:
            return
        self._active = None
        self._spoken = self._spoken or response.audio_ms > 0
        turns = self.settings.turns
        if turns and turns.idle_timeout_ms:
            self._idle_at_ms = self.line.now_ms + response.audio_ms + turns.idle_timeout_ms
        if self._respond_after:
            self._respond_after = False
            self._respond(self._wish())

    # --- session and line -------------------------------------------------------------------------------------------

    def _session_update(self, event: Event) -> None:
        patch = field(event, "session", dict)
        brief = read_brief(patch.get("instructions"))
        self.settings.update(patch, spoken=self._spoken)
        self.line.configure(self.settings.input_format, self.settings.turns)
        self._line_configured = True
        if patch.get("instructions") is not None and brief != self._brief:
            self._brief = brief
            self.talk = ScriptedConversation(brief) if brief else self._general
            self._previous = None
            self._prepare(self.talk.first_sentences)
        self.talk.tools = self.settings.tool_names
        self._general.instruct(self.settings.instructions)
        self._general.offer = read_offer(self.settings.tools, self.settings.tool_choice)
        self._prepare(())
        self._emit("session.updated", session=self.settings.as_field())

    def _prepare(self, sentences: tuple[str, ...]) -> None:
        """Have the recogniser ready before the callee speaks, and the voice before we do."""
        listen = self.talk.listening
        if sentences or listen != self._prepared_for:
            self._prepared_for = listen
            self.jobs.append(PrepareJob(listen, sentences))

    def _append(self, event: Event) -> None:
        wire = decode_audio(event.get("audio"), "audio")
        if len(wire) > MAX_APPEND_BYTES:
            raise ClientMistake("invalid_value", f"At most {MAX_APPEND_BYTES} bytes per append.", param="audio")
        if not self._line_configured:
            self.line.configure(self.settings.input_format, self.settings.turns)
            self._line_configured = True
        self._unheard = wire

    def listen(self) -> bool:
        """Listen to the next `LISTEN_STEP_MS` of appended audio; True while there is more. Called until False, with
        room for others in between: an append may carry minutes."""
        step = LISTEN_STEP_MS * self.settings.input_format.bytes_per_ms
        wire, self._unheard = self._unheard[:step], self._unheard[step:]
        if wire:
            for started, at_ms in self.line.append(wire):
                self._speech_started(at_ms) if started else self._speech_stopped(at_ms)
            if self._foresight.due(self.line):
                listen, pcm = self.talk.listening, self.line.peek()[-MAX_RECOGNIZED_MS * BYTES_PER_MS :]
                self.jobs.append(AheadJob(pcm, listen.expects, listen.hints))
            if self._idle_at_ms is not None and self.line.now_ms >= self._idle_at_ms:
                self._idle_timeout()
        return bool(self._unheard)

    def _speech_started(self, at_ms: int) -> None:
        self._speech_item = self.ids.new("item")
        self._idle_at_ms = None
        self._emit("input_audio_buffer.speech_started", audio_start_ms=at_ms, item_id=self._speech_item)
        turns = self.settings.turns
        if turns and turns.interrupt_response and self._active:
            self._cancel(self._active, "turn_detected")

    def _speech_stopped(self, at_ms: int) -> None:
        self._emit("input_audio_buffer.speech_stopped", audio_end_ms=at_ms, item_id=self._speech_item)
        turns = self.settings.turns
        pcm = self.line.take(at_ms)
        padding = turns.prefix_padding_ms + turns.silence_duration_ms if turns else 0
        self._commit_audio(self._speech_item, pcm, padding_ms=padding, ahead=self._foresight.held(self.line))
        if turns and turns.create_response:
            self._respond_or_queue()

    def _respond_or_queue(self) -> None:
        if self._active:
            self._respond_after = True
        else:
            self._respond(self._wish())

    def _idle_timeout(self) -> None:
        self._idle_at_ms = None
        if self._active or self.line.speaking:
            return
        start_ms = self.line.now_ms - self.line.buffered_ms
        item_id = self.ids.new("item")
        times = {"audio_start_ms": start_ms, "audio_end_ms": self.line.now_ms}
        self._emit("input_audio_buffer.timeout_triggered", item_id=item_id, **times)
        self._commit_audio(item_id, self.line.take(), padding_ms=0, speech=False)
        self._respond(self._wish())

    def _commit(self, event: Event) -> None:
        if self.line.buffered_ms < MIN_COMMIT_MS or (self.settings.turns and not self.line.speaking):
            text = f"Error committing input audio buffer: buffer too small, need at least {MIN_COMMIT_MS}ms of audio."
            raise ClientMistake("input_audio_buffer_commit_empty", text)
        self._commit_audio(self.ids.new("item"), self.line.take(), padding_ms=0)

    def _commit_audio(
        self, item_id: str, pcm: bytes, *, padding_ms: int, speech: bool = True, ahead: bool = False
    ) -> None:
        fields = {
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        audio_ms = len(pcm) // BYTES_PER_MS
        item = Item(item_id, fields, pcm=pcm, rate=LINE_RATE, audio_ms=audio_ms)
        self._emit("input_audio_buffer.committed", previous_item_id=self.conversation.last_id, item_id=item_id)
        self._items.add(item)
        if speech:
            self._recognize(item, max(0, audio_ms - padding_ms), ahead=ahead)

    def _recognize(self, item: Item, duration_ms: int, *, ahead: bool = False) -> None:
        self._pending.expect(item.id)
        self._ask_recognizer(item, duration_ms, ahead=ahead)

    def _ask_recognizer(self, item: Item, duration_ms: int, *, ahead: bool = False) -> None:
        listen = self.talk.listening
        pcm = item.pcm[-MAX_RECOGNIZED_MS * BYTES_PER_MS :]
        self.jobs.append(RecognizeJob(item.id, pcm, duration_ms, listen.expects, listen.hints, ahead))

    def _clear(self, event: Event) -> None:
        self.line.clear()
        self._emit("input_audio_buffer.cleared")

    # --- items ------------------------------------------------------------------------------------------------------

    def _item_created(self, item: Item) -> None:
        """What the next turn makes of an item of the client."""
        if item.kind == "function_call_output":
            self._pending.tool_output(self.conversation.name_of_call(item.fields["call_id"]), item.fields["output"])
        elif item.fields.get("role") == "user" and item.pcm:
            self._recognize(item, item.audio_ms)
        elif item.kind == "message":
            self._pending.text(item.id, item.fields["role"], words_of_item(item), self.talk)

    def _item_cut(self, item_id: str, end_ms: int) -> None:
        if self._previous is not None and item_id in self._previous.message_ids:
            self._previous.cut(item_id, end_ms)

    def _item_deleted(self, item_id: str) -> None:
        """Words of ours that are taken out were not heard."""
        self._pending.forget(item_id)
        self._item_cut(item_id, 0)

    # --- responses --------------------------------------------------------------------------------------------------

    def _response_create(self, event: Event) -> None:
        wish = self._wish(field(event, "response", dict, default={}))
        if wish.in_band and self._active:
            text = f"Conversation already has an active response in progress: {self._active.id}."
            raise ClientMistake("conversation_already_has_active_response", text)
        if not wish.in_band and len(self._out_of_band) >= MAX_OUT_OF_BAND:
            raise ClientMistake("rate_limit_exceeded", f"At most {MAX_OUT_OF_BAND} out-of-band responses at once.")
        if not self._rate.take(self._now()):
            text = f"Too many responses were asked for; try again in {self._rate.wait_s(self._now())} s."
            raise ClientMistake("rate_limit_exceeded", text)
        for item in wish.input or ():
            if item.pcm and item.id not in self.conversation and item.fields.get("role") == "user":
                self._unheard_inputs[item.id] = item
                self._ask_recognizer(item, item.audio_ms)
        self._respond(wish)

    def _wish(self, asked: dict[str, Any] | None = None) -> ResponseWish:
        return read_wish(asked or {}, self.settings, self._items.read_input)

    def _respond(self, wish: ResponseWish) -> None:
        response = Response(
            self.ids.new("resp"), self._conversation_id, wish, self.ids, self.conversation, self.outbox.append
        )
        if wish.in_band:
            self._active, self._idle_at_ms = response, None
        else:
            self._out_of_band.append(response)
        response.begin()
        self.jobs.append(RespondJob(response))

    def _response_cancel(self, event: Event) -> None:
        wanted = field(event, "response_id", str, default=None)
        candidates = [response for response in (self._active, *self._out_of_band) if response is not None]
        if wanted is not None:
            candidates = [response for response in candidates if response.id == wanted]
        if not candidates:
            raise ClientMistake("response_cancel_not_active", "Cancellation failed: no active response found.")
        self._cancel(candidates[0], "client_cancelled")

    def _cancel(self, response: Response, reason: str) -> None:
        self.jobs.append(StopJob(response))
        self.finish(response, "cancelled", reason)

    def _emit(self, kind: str, **fields: Any) -> None:
        self.outbox.append(self.ids.event(kind, **fields))
