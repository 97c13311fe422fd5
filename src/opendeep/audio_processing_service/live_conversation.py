"""What the Realtime events of one call mean: audio to the playout, words to the transcript, barge-in, turn taking.

The server's voice detection is only an ear: it neither answers nor interrupts by itself. Whose turn it is, is decided
here, so that a cough, an echo or a hold is no special case. Synchronous, no I/O: events and line facts in, client
events out through `send`. Times are ms since the answer, asked from `now_ms`. The sockets, sessions and the end of the
call are `audio_socket_handler`'s.
"""

from binascii import a2b_base64
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import structlog

from opendeep.audio_processing_service import realtime_protocol as protocol
from opendeep.audio_processing_service.barge_in import BargeIn, TurnAct
from opendeep.audio_processing_service.conversation_ports import ConversationPorts
from opendeep.audio_processing_service.echo import ECHO_AT
from opendeep.audio_processing_service.playout import LOCAL_ITEM, Playout, PlayoutEvent
from opendeep.audio_processing_service.pressed_keys import PressedKeys
from opendeep.audio_processing_service.realtime_protocol import Event, Severity
from opendeep.audio_processing_service.tool_ground import TAKEN_OVER_DETAIL, ToolRequest, refused
from opendeep.audio_processing_service.transcript_book import TranscriptBook
from opendeep.audio_processing_service.usage import UsageSum
from opendeep.audio_processing_service.voice_provider import SessionEnd
from opendeep.config.prompt_config import tool_result_note

log = structlog.get_logger(__name__)

STALL_MS: Final = 6_000  # something is owed to us and nothing at all has come for so long
SPEECH_CAP_MS: Final = 120_000  # speech that never stops is a lost event
RETRY_AFTER_MS: Final = 400  # of a response that failed
MAX_FAILED_RESPONSES: Final = 2
BRIDGE, TURN, NOTE = "bridge", "turn", "note"  # what a response is for; begins the id of its event
TAKEN_OVER: Final = "taken over"  # why the AI is paused: its user speaks


class LiveConversation:
    """One per call; `begin_session` for each session."""

    def __init__(self, ports: ConversationPorts, playout: Playout, book: TranscriptBook, usage: UsageSum) -> None:
        self._ports = ports
        self._send = ports.send
        self._playout = playout
        self._book = book
        self._usage = usage
        self._response: str | None = None
        self._awaiting_since: int | None = None
        self._want_response = self._closing = False
        self._retry_at: int | None = None
        self._speech_item: str | None = None
        self._offset_ms = self._failed_responses = self._speech_since = self._last_event_ms = 0
        self._final_response: str | None = None
        self._paused: set[str] = set()  # why the AI may not speak
        self._asked_as = ""  # the event in which a response was asked for last
        self._barge = BargeIn()
        self._echo_item: str | None = None  # our own voice comes back
        self._no_speech: deque[str] = deque(maxlen=32)  # items that nobody has said
        self._cut: deque[str] = deque(maxlen=32)  # responses whose late audio is dropped
        self._tool_calls: deque[str] = deque(maxlen=200)
        self._asked_here: set[str] = set()  # those of this session
        self._keys = PressedKeys()
        self._event_count = self.interruptions = 0
        self._handlers: dict[str, Callable[[Event], None]] = {
            "response.output_audio.delta": self._audio_delta,
            "response.output_audio_transcript.delta": self._words_delta,
            "response.output_audio.done": self._audio_done,
            "response.output_audio_transcript.done": self._words_done,
            "response.output_item.done": self._item_done,
            "response.created": self._response_created,
            "response.done": self._response_done,
            "input_audio_buffer.speech_started": self._speech_started,
            "input_audio_buffer.speech_stopped": self._speech_stopped,
            "input_audio_buffer.committed": self._committed,
            "conversation.item.input_audio_transcription.completed": self._transcribed,
            "conversation.item.input_audio_transcription.failed": self._not_transcribed,
            "error": self._error,
        }

    # -- what the handler may ask and tell

    @property
    def speaking(self) -> bool:
        """The callee speaks."""
        return self._speech_item is not None

    @property
    def responding(self) -> bool:
        """The AI is producing a response, or one is on its way."""
        return self._response is not None or self._awaiting_since is not None or self._retry_at is not None

    @property
    def final_response_done(self) -> bool:
        """After `close`: the response in which the AI said goodbye is complete."""
        return self._response is None or self._response != self._final_response

    def begin_session(self, stream_offset_ms: int) -> None:
        """A new session: nothing of an old one is owed any more. The stream of the callee's audio starts now."""
        self._offset_ms = stream_offset_ms
        self._response = self._awaiting_since = self._retry_at = None
        self._want_response = False
        self._speech_item = self._echo_item = None
        self._barge.forget()
        self._playout.go_on()
        self._asked_here.clear()
        self._last_event_ms = self._ports.now_ms()

    def request_response(self, *, answers_turn: bool = False) -> None:
        """Let the AI speak; at once, or when the protocol and the callee allow it."""
        if self._closing:
            return  # after the farewell there is none
        if self.responding or self._paused or self._barge.in_doubt:
            self._want_response = True
            return
        if self.speaking:
            return  # the end of the callee's speech asks for a response anyway
        self._want_response = False
        self._await_response(protocol.response_create, TURN if answers_turn else NOTE)

    def bridge(self, instructions: str) -> None:
        """One sentence while a tool runs, only when nobody speaks or is about to; never the answer to a turn. Allowed
        while the function's output is still open (OpenAI Realtime); it calls no tools itself."""
        if not (self._closing or self.speaking or self.responding or self._paused or self._barge.in_doubt):
            self._await_response(lambda event_id: protocol.bridging_response(event_id, instructions), BRIDGE)

    def pause(self, why: str) -> None:
        """The AI says nothing from this moment on, whatever comes; what it was saying is cut."""
        self._paused.add(why)
        self._awaiting_since = self._retry_at = None
        self._barge.forget()
        self._interrupt(self._ports.now_ms())

    def resume(self, why: str, note: str | None) -> None:
        """The AI may speak again unless something else keeps it silent; a note tells what has happened, and it does."""
        self._paused.discard(why)
        if note is not None:
            self.tell(note)

    def stream_at(self, offset_ms: int) -> None:
        """The callee's audio goes on after a pause: the session's time 0 is now at this time of the call."""
        self._offset_ms = offset_ms

    def answer_tool(self, request: ToolRequest, output: dict[str, Any]) -> None:
        """Give the model what its function returned; a session that did not ask learns it as a note."""
        if request.call_id in self._asked_here:
            self._send(protocol.function_output(request.call_id, output))
        else:
            self._send(protocol.message("user", tool_result_note(request.name, output)))
        self.request_response()

    def tell(self, text: str, role: str = "system") -> None:
        """A note, answered by the AI: in our own fixed words, or with words of somebody else as role user."""
        self._send(protocol.message(role, text))
        self.request_response()

    def inform(self, text: str) -> None:
        """A note of ours (role system) that asks for no answer."""
        self._send(protocol.message("system", text))

    def press(self, digit: str) -> None:
        """The callee pressed a key."""
        self._keys.press(digit, self._ports.now_ms())

    def close(self) -> None:
        """The AI has said goodbye: no barge-in, no further response."""
        self._closing = True
        self._barge.forget()
        self._playout.go_on()
        self._want_response = False
        self._retry_at = None
        self._final_response = self._response

    def commit_speech(self) -> None:
        """The line closed while the callee spoke: have it transcribed."""
        if self.speaking:
            self._send({"type": "input_audio_buffer.commit", "event_id": self._next_id("commit")})

    def played(self, event: PlayoutEvent) -> None:
        """The playout reached the first or passed the last frame of an item."""
        if event.item_id.startswith(LOCAL_ITEM):
            return
        now_ms = self._ports.now_ms()
        if event.started:
            self._book.ai_started(event.item_id, now_ms)
        else:
            self._book.ai_ended(event.item_id, now_ms)

    def check(self) -> None:
        """Every 100 ms or so: keys to pass on, responses to try again, a provider that owes us and is silent."""
        now_ms = self._ports.now_ms()
        if digits := self._keys.take(now_ms):
            self._book.callee_keys(digits, now_ms)
            self.tell(f"[The other side pressed keys on the telephone: {digits}]", role="user")
        self._settle(self._barge.check(now_ms))
        if self._echo_item is not None and self._ports.echo() < ECHO_AT:
            item, self._echo_item = self._echo_item, None
            self._begin_speech(item, now_ms)  # somebody speaks over our echo
        if self._retry_at is not None and now_ms >= self._retry_at:
            self._retry_at = None
            self.request_response()
        if self.speaking and now_ms - self._speech_since > SPEECH_CAP_MS:
            self._speech_item = None
        owed = self._awaiting_since is not None or (self._response is not None and self._playout.idle)
        if owed and now_ms - max(self._last_event_ms, self._awaiting_since or 0) > STALL_MS:
            self._awaiting_since = self._response = None
            self._ports.lost(SessionEnd("the voice AI has stopped answering"))

    # -- events

    def receive(self, event: Event) -> None:
        """One server event. Unknown types are ignored. Raises `KeyError`/`TypeError`/`ValueError` on a broken one."""
        self._last_event_ms = self._ports.now_ms()
        handler = self._handlers.get(event["type"])
        if handler is not None:
            handler(event)

    def _audio_delta(self, event: Event) -> None:
        response = event["response_id"]
        if response in self._cut or (self._closing and response != self._final_response):
            return
        self._playout.append(event["item_id"], a2b_base64(event["delta"]), int(event.get("content_index", 0)))

    def _audio_done(self, event: Event) -> None:
        self._playout.complete(event["item_id"])

    def _words_delta(self, event: Event) -> None:
        self._book.ai_words(event["item_id"], event["delta"])

    def _words_done(self, event: Event) -> None:
        if event["response_id"] not in self._cut:
            self._book.ai_text(event["item_id"], str(event["transcript"]))

    def _item_done(self, event: Event) -> None:
        item = event["item"]
        if item.get("type") == "function_call" and item.get("status") in (None, "completed"):
            call_id = str(item["call_id"])
            if call_id not in self._tool_calls:
                self._tool_calls.append(call_id)
                self._asked_here.add(call_id)
                if TAKEN_OVER in self._paused:
                    self._send(protocol.function_output(call_id, refused(TAKEN_OVER_DETAIL)))
                    return
                self._ports.start_tool(ToolRequest(call_id, str(item["name"]), str(item.get("arguments") or "")))
        elif item.get("type") == "message":
            self._playout.complete(str(item["id"]))

    def _response_created(self, event: Event) -> None:
        self._response = str(event["response"]["id"])
        self._awaiting_since = None
        overtaken = bool(self._paused) or (self.speaking and not self._barge.in_doubt)
        if overtaken and not self._closing:
            self._interrupt(self._ports.now_ms())  # the callee went on, or somebody else speaks now

    def _response_done(self, event: Event) -> None:
        response = event["response"]
        self._usage.add_response(response.get("usage"))
        for item in response.get("output") or ():
            self._playout.complete(str(item.get("id")))
        if response["id"] != self._response:
            return
        self._response = None
        if response.get("status") == "failed":
            self._response_failed((response.get("status_details") or {}).get("error") or {})
            return
        self._failed_responses = 0
        if self._want_response:
            self.request_response()

    def _response_failed(self, error: dict[str, Any]) -> None:
        self._failed_responses += 1
        log.warning("realtime.response_failed", code=error.get("code"), message=str(error.get("message"))[:300])
        fatal = protocol.severity(error) is Severity.FATAL
        if fatal or self._failed_responses >= MAX_FAILED_RESPONSES:
            everywhere = protocol.concerns_account(error)
            self._ports.lost(SessionEnd("the voice AI cannot answer", fatal=fatal, everywhere=everywhere))
        elif not self._closing and (self._want_response or not self._asked_as.startswith(BRIDGE)):
            self._retry_at = self._ports.now_ms() + RETRY_AFTER_MS

    def _speech_started(self, event: Event) -> None:
        item = str(event["item_id"])
        if not self._playout.idle and not self._closing and self._ports.echo() >= ECHO_AT:
            self._echo_item = item
            return
        self._begin_speech(item, self._line_ms(event["audio_start_ms"]))

    def _begin_speech(self, item: str, at_ms: int) -> None:
        now_ms = self._ports.now_ms()
        over_ours = not self._playout.idle and not self._closing and not self._paused
        self._speech_item, self._speech_since = item, now_ms
        self._awaiting_since = self._retry_at = None
        if over_ours:
            self._playout.hold()
            self._settle(self._barge.started(item, now_ms))
        else:
            self._want_response = False
            if not self._closing:
                self._interrupt(now_ms)
        self._book.callee_started(item, at_ms)
        self._ports.callee_spoke()

    def _settle(self, act: TurnAct | None) -> None:
        """What becomes of the AI's words that were held."""
        if act is TurnAct.GO_ON:
            self._playout.go_on()
            if self._want_response:
                self.request_response()
        elif act is TurnAct.CUT:
            self._want_response = False
            self.interruptions += self._interrupt(self._ports.now_ms())
            self.request_response(answers_turn=True)  # not while the callee still speaks

    def _interrupt(self, now_ms: int) -> bool:
        """No more of this response: tell the server what was heard, keep only those words. False: nothing was cut."""
        if self._response is not None:
            self._cut.append(self._response)
            self._send(protocol.response_cancel(self._next_id("cancel"), self._response))
            self._response = None
        cut = [item for item in self._playout.flush() if not item.item_id.startswith(LOCAL_ITEM)]
        for item in cut:
            self._book.ai_cut(item.item_id, now_ms, item.played_ms / item.received_ms if item.received_ms else 0.0)
            if item.played_ms:
                heard_ms = protocol.heard_ms(item.played_ms, item.received_ms)
                self._send(protocol.truncate(item.item_id, item.content_index, heard_ms))
            else:
                self._send(protocol.delete_item(item.item_id))
        return bool(cut)

    def _speech_stopped(self, event: Event) -> None:
        if self._echo_item is not None:
            self._no_speech.append(self._echo_item)
            self._echo_item = None
            return
        item, self._speech_item = self._speech_item, None
        self._book.callee_ended(item or str(event["item_id"]), self._line_ms(event["audio_end_ms"]))
        self._ports.callee_spoke()
        if self._barge.in_doubt:
            self._barge.stopped(self._ports.now_ms())
        else:
            self.request_response(answers_turn=True)

    def _committed(self, event: Event) -> None:
        item = str(event["item_id"])
        if item in self._no_speech:
            self._send(protocol.delete_item(item))
        elif self._speech_item is not None and item != self._speech_item:
            self._book.rename(self._speech_item, item)
            self._speech_item = None

    def _transcribed(self, event: Event) -> None:
        self._usage.add_transcription(event.get("usage"))
        item, text = str(event["item_id"]), str(event["transcript"])
        if item in self._no_speech:
            return
        self._book.callee_text(item, text, self._ports.now_ms())
        act = self._barge.words(item, text, asked=self._book.asks(self._playout.playing))
        self._settle(act)
        if act is TurnAct.GO_ON and not text.strip():
            self._send(protocol.delete_item(item))  # a sound, not a turn
        self._ports.words(text)
        self._ports.text_arrived()

    def _not_transcribed(self, event: Event) -> None:
        self._book.callee_inaudible(str(event["item_id"]), self._ports.now_ms())
        self._ports.text_arrived()

    def _error(self, event: Event) -> None:
        error = event["error"]
        kind = protocol.severity(error)
        level = log.debug if kind is Severity.HARMLESS else log.warning
        level("realtime.error", code=error.get("code"), message=str(error.get("message"))[:300], severity=kind.value)
        overtaken = error.get("code") == "conversation_already_has_active_response"
        if overtaken and error.get("event_id") in (None, self._asked_as):
            self._overtaken()
        if kind in (Severity.LOST, Severity.FATAL):
            everywhere = protocol.concerns_account(error)
            self._ports.lost(SessionEnd(str(error.get("code")), kind is Severity.FATAL, everywhere))

    # -- inside

    def _await_response(self, create: Callable[[str], Event], purpose: str) -> None:
        self._asked_as = self._next_id(purpose)
        self._awaiting_since = self._ports.now_ms()
        self._send(create(self._asked_as))

    def _overtaken(self) -> None:
        """Another response was under way: ours follows it, unless that is the same, or ours is needless by now."""
        self._awaiting_since = None
        if self._response is not None:
            self._want_response |= self._asked_as.startswith(NOTE)
        elif self._want_response or not self._asked_as.startswith(BRIDGE):
            self._retry_at = self._ports.now_ms() + RETRY_AFTER_MS

    def _line_ms(self, stream_ms: int) -> int:
        """A time of the session's audio stream as ms since the answer; never in the future."""
        return max(0, min(self._offset_ms + int(stream_ms), self._ports.now_ms()))

    def _next_id(self, stem: str) -> str:
        self._event_count += 1
        return f"{stem}-{self._event_count}"
