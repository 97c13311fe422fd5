"""The parts of one live call and how they are joined; what needs nobody else is done here.

Owns the object graph: the line, the ears, the conversation, the session, the transcript and the rows of a call. When
it begins and ends, and whatever waits, is `audio_socket_handler`'s, which is the `CallHost`.
"""

from collections import Counter
from collections.abc import Coroutine
from typing import Any, Final, Protocol
from uuid import UUID

from opendeep.audio_processing_service.aside_speech import AsideSpeech
from opendeep.audio_processing_service.call_line import CallLine, LinePorts
from opendeep.audio_processing_service.call_records import CallRecords
from opendeep.audio_processing_service.call_senses import CallSenses, SensePorts
from opendeep.audio_processing_service.call_watch import CallWatch
from opendeep.audio_processing_service.conversation_ports import ConversationPorts
from opendeep.audio_processing_service.live_conversation import LiveConversation
from opendeep.audio_processing_service.realtime_protocol import Event
from opendeep.audio_processing_service.row_writer import RowWriter
from opendeep.audio_processing_service.tool_runner import ToolRunner
from opendeep.audio_processing_service.transcript_book import TranscriptBook
from opendeep.audio_processing_service.usage import UsageSum
from opendeep.audio_processing_service.voice_services import VoiceServices
from opendeep.audio_processing_service.voice_session import VoiceSession
from opendeep.audio_processing_service.waiting_room import WaitingRoom
from opendeep.audio_processing_service.warm_transfer import FetchPorts
from opendeep.config.prompt_config import BEEP_NOTE

ON_HOLD: Final = "on hold"  # why the AI is paused


class CallHost(Protocol):
    """The call that the parts belong to. (Crosses the wall between a call's parts and its life.) None may block."""

    def supervise(self) -> None:
        """Every 100 ms of the call."""
        ...

    def line_closed(self, reason: str) -> None: ...
    def text_arrived(self) -> None: ...
    def end(self, reason: str) -> None: ...
    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None: ...


class CallParts:
    """One per call."""

    def __init__(self, call_id: UUID, services: VoiceServices, counters: Counter[str], host: CallHost) -> None:
        self.rows = RowWriter(services.db, services.clock)
        self.records = CallRecords(self.rows, services.clock)
        settings = services.settings
        self.usage = UsageSum(settings.model, settings.transcription_model, settings.prices)
        self.book = TranscriptBook(call_id, self.records.turn)
        self.watch = CallWatch(services.times.watch)
        self.line = CallLine(services.ticker, counters, self._line_ports(host), services.settings.audio)
        self.session = VoiceSession(services, self._receive, self.line.for_voice)
        self._aside = AsideSpeech(self.session.send, self.usage, services.settings.audio)
        self.conversation = LiveConversation(self._conversation_ports(host), self.line.playout, self.book, self.usage)
        self.senses = CallSenses(self._sense_ports(host), services.hold, services.meter.measure)
        self.tools = ToolRunner(self.conversation, lambda: self.line.now_ms, host.spawn)
        self.fetching = FetchPorts(
            WaitingRoom(self.line, self.conversation),
            self._aside,
            services.second_lines,
            services.ticker,
            services.settings.audio,
        )
        self.line.listen = self.session.hear
        self.line.hearers.append(self.senses.hear)

    def _line_ports(self, host: CallHost) -> LinePorts:
        return LinePorts(
            played=lambda event: self.conversation.played(event),
            check=host.supervise,
            digit=self._digit,
            closed=host.line_closed,
        )

    def _conversation_ports(self, host: CallHost) -> ConversationPorts:
        return ConversationPorts(
            send=self.session.send,
            start_tool=lambda request: self.tools.start(request),
            lost=self.session.lose,
            callee_spoke=lambda: self.watch.callee_spoke(self.line.now_ms),
            text_arrived=host.text_arrived,
            words=self._heard,
            echo=self.line.echo,
            now_ms=lambda: self.line.now_ms,
        )

    def _sense_ports(self, host: CallHost) -> SensePorts:
        return SensePorts(
            note=self.records.note,
            inform=self.conversation.inform,
            beep=self._after_beep,
            pause=self._on_hold,
            listen=self._listen,
            resume=lambda note: self.conversation.resume(ON_HOLD, note),
            end=host.end,
        )

    def _receive(self, event: Event) -> None:
        """An event of the session."""
        if not self._aside.takes(event):
            self.conversation.receive(event)

    def _digit(self, digit: str) -> None:
        """The callee pressed a key."""
        self.records.note("call.dtmf_received", f"The other side pressed {digit}.", digit=digit)
        self.conversation.press(digit)
        self.watch.callee_spoke(self.line.now_ms)

    def _heard(self, words: str) -> None:
        """What the callee said was recognised."""
        self.senses.heard_words(words, self.line.now_ms)
        self.tools.hear(words)

    def _after_beep(self) -> None:
        """A mailbox records from now on: an AI that waited for it speaks; one that speaks already is not disturbed."""
        if self.session.live and self.line.playout.idle and not self.conversation.responding:
            self.conversation.tell(BEEP_NOTE)

    def _on_hold(self) -> None:
        """Nobody listens: the AI neither hears, nor speaks, nor costs."""
        self.conversation.pause(ON_HOLD)
        self.session.pause()

    def _listen(self, listen: bool) -> None:
        """On hold, and perhaps somebody is back: let the AI hear it."""
        if listen:
            self.conversation.stream_at(self.session.stream_offset_ms(self.line.now_ms))
            self.session.resume()
        else:
            self.session.pause()
