"""A live call as its user steers it from outside: listening, whispering, taking over and giving back.

Obeys the messages of the call's channel, whichever node they come from, and answers each request on it. Owns who
listens, who has taken over and until when; sound goes out and the microphone comes in on channels of their own. A
user who vanishes leaves nothing behind: leases end listening and give the call back to the AI.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog

from opendeep.audio_processing_service import live_messages as messages
from opendeep.audio_processing_service.call_parts import CallParts
from opendeep.audio_processing_service.guest_voice import GuestVoice
from opendeep.audio_processing_service.guest_words import GuestWords
from opendeep.audio_processing_service.listeners import Listeners
from opendeep.audio_processing_service.live_conversation import TAKEN_OVER
from opendeep.audio_processing_service.live_messages import Side, Sound, word
from opendeep.audio_processing_service.voice_services import VoiceServices
from opendeep.common.channels import call_commands, call_microphone, call_sound
from opendeep.common.data_models import Speaker
from opendeep.common.redis_client import Message, Subscription
from opendeep.config.prompt_config import given_back_note, whisper_note

log = structlog.get_logger(__name__)

OUTBOX: Final = 20  # batches that wait for the bell: 2 s; the oldest goes first and is counted
MICROPHONE_INBOX: Final = 64
LAST_WORDS_S: Final = 1.0  # the AI waits so long for what its user said last
MAX_WHISPERS_A_MINUTE: Final = 20
MINUTE_MS: Final = 60_000
MAX_WHISPERS_KEPT: Final = 20  # for a session that replaces a lost one

NOT_LIVE: Final = "The voice AI is not in the call right now; please try again in a moment."
OTHERS: Final = "Somebody else has taken this call over."
NOTHING_SAID: Final = f"Write 1 to {messages.MAX_WHISPER_CHARS} characters."
NO_SOCKET: Final = "Open this call's audio first, then take over."
TOO_MANY_WHISPERS: Final = "That is a lot to be told; please wait a moment."


@dataclass(frozen=True, slots=True)
class ControlPorts:
    """What the control needs of the call. None of these may block. `refusal`: why the call takes no orders now."""

    spawn: Callable[[Coroutine[Any, Any, None], str], None]
    refusal: Callable[[], str | None]
    ai_live: Callable[[], bool]
    text_arrived: Callable[[], None]


class LiveControl:
    """One per call; obeys nobody until `know` has said whose call it is."""

    def __init__(
        self, call_id: UUID, services: VoiceServices, counters: Counter[str], parts: CallParts, ports: ControlPorts
    ) -> None:
        self._call_id = call_id
        self._services = services
        self._bell = services.bell
        self._clock = services.clock
        self._counters = counters
        self._line = parts.line
        self._session = parts.session
        self._conversation = parts.conversation
        self._book = parts.book
        self._records = parts.records
        self._usage = parts.usage
        self._ports = ports
        self._user_id = ""
        self._listeners = Listeners(self._publish, self._stop_listening)
        self._outbox: deque[messages.Message] = deque(maxlen=OUTBOX)
        self._publishing = False
        self._guest: str | None = None
        self._microphone: Subscription | None = None
        self._free = asyncio.Event()  # nobody has taken over
        self._free.set()
        self._whispers: deque[str] = deque(maxlen=MAX_WHISPERS_KEPT)
        self._whispered_ms: deque[int] = deque(maxlen=MAX_WHISPERS_A_MINUTE)
        self._orders: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "listen": self._listen,
            "unlisten": self._unlisten,
            "whisper": self._whisper,
            "take_over": self._take_over,
            "give_back": self._ask_back,
        }

    # -- for the call

    @property
    def taken_over(self) -> bool:
        """A human speaks in the AI's place."""
        return self._guest is not None

    def know(self, user_id: UUID) -> None:
        """Whose call it is."""
        self._user_id = str(user_id)

    def receive(self, data: Mapping[str, Any]) -> None:
        """A message of the call's channel that may be an order."""
        order = self._orders.get(word(data, "type"))
        if order is None:
            return
        if not self._user_id or data.get("user_id") != self._user_id:
            self._counters["foreign_order"] += 1
            log.warning("control.foreign_order", kind=word(data, "type"))
            return
        order(data)

    @property
    def whispers(self) -> Sequence[str]:
        """The notes that the AI was given; one that replaces a lost AI must know them too."""
        return self._whispers

    async def until_given_back(self) -> None:
        """Returns at once unless somebody has taken over."""
        await self._free.wait()

    # -- listening

    def _listen(self, data: Mapping[str, Any]) -> None:
        listener, side = word(data, "listener"), word(data, "side")
        if not listener or side not in set(Side):
            return
        first = not len(self._listeners)
        if not self._listeners.renew(listener, sound=side != Side.NONE):
            self._counters["listener_refused"] += 1
        elif first:
            self._line.hearers = [*self._line.hearers, self._listeners.hear]
            self._line.watchers = [*self._line.watchers, self._listeners.tick]

    def _unlisten(self, data: Mapping[str, Any]) -> None:
        listener = word(data, "listener")
        self._listeners.leave(listener)
        if listener == self._guest:
            self._ask_back(data)

    def _stop_listening(self) -> None:
        # New lists: the line may be going through the old ones.
        self._line.hearers = [each for each in self._line.hearers if each != self._listeners.hear]
        self._line.watchers = [each for each in self._line.watchers if each != self._listeners.tick]

    def _publish(self, sound: Sound) -> None:
        if len(self._outbox) == OUTBOX:
            self._counters["listen_batch_dropped"] += 1
        self._outbox.append(messages.write_sound(sound))
        if not self._publishing:
            self._publishing = True
            self._ports.spawn(self._empty_outbox(), "sound")

    async def _empty_outbox(self) -> None:
        try:
            while self._outbox:
                await self._bell.ring(call_sound(self._call_id), self._outbox.popleft())
        finally:
            self._publishing = False

    # -- whispering

    def _whisper(self, data: Mapping[str, Any]) -> None:
        text = word(data, "text", messages.MAX_WHISPER_CHARS).strip()
        why = self._ports.refusal() or self._no_whisper(text)
        if why is None:
            note = whisper_note(text)
            self._whispered_ms.append(self._line.now_ms)
            self._whispers.append(note)
            self._conversation.tell(note)
            self._records.note("call.whisper", f"You told the AI: {text}", text=text)
        self._answer(data, why)

    def _no_whisper(self, text: str) -> str | None:
        if not text:
            return NOTHING_SAID
        if not self._ports.ai_live():
            return NOT_LIVE
        often = len(self._whispered_ms) == MAX_WHISPERS_A_MINUTE
        return TOO_MANY_WHISPERS if often and self._line.now_ms - self._whispered_ms[0] < MINUTE_MS else None

    # -- taking over and giving back

    def _take_over(self, data: Mapping[str, Any]) -> None:
        guest = word(data, "listener")
        why = self._ports.refusal()
        if why is None and guest not in self._listeners:
            why = NO_SOCKET
        if why is None and self._guest not in (None, guest):
            why = OTHERS
        if why is not None or self._guest == guest:
            self._answer(data, why)
            return
        self._guest = self._listeners.guest = guest
        self._free.clear()
        self._conversation.pause(TAKEN_OVER)
        words = GuestWords(
            self._session.voice.make,
            self._session.voice.settings,
            self._book,
            self._usage,
            lambda: self._line.now_ms,
            self._ports.text_arrived,
        )
        voice = GuestVoice(words.hear)
        self._line.lend(voice.next_frame)
        self._microphone = self._bell.listen(call_microphone(self._call_id), capacity=MICROPHONE_INBOX)
        self._records.note("call.taken_over", "You took the call over; the AI is silent.")
        log.info("control.taken_over")
        self._ports.spawn(self._host(guest, self._microphone, voice, words, data), "guest")

    async def _host(
        self, guest: str, microphone: Subscription, voice: GuestVoice, words: GuestWords, data: Mapping[str, Any]
    ) -> None:
        """The whole take-over: until it is given back, or the microphone has vanished."""
        after = self._book.last_number
        opening = asyncio.create_task(self._recognise(words), name=f"call:{self._call_id}:guest-words")
        try:
            async with microphone:
                self._answer(data, None)
                back = await self._hear_microphone(guest, voice, microphone)
                self._microphone = None
            await words.finish(LAST_WORDS_S)
        finally:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            await words.close()
        self._counters["microphone_late_bytes"] += voice.dropped_bytes
        self._give_back(self._book.history(after), vanished=back.get("type") != "give_back")
        self._answer(back, None)

    async def _recognise(self, words: GuestWords) -> None:
        if not await words.open():
            self._records.note("call.user_not_recognised", "What you say is not written down: the voice AI is away.")

    async def _hear_microphone(self, guest: str, voice: GuestVoice, inbox: Subscription) -> Mapping[str, Any]:
        """What gave the call back: an order, or nothing at all when the microphone was silent for its lease."""
        until = self._clock.monotonic() + messages.MICROPHONE_LEASE_S
        while (left := until - self._clock.monotonic()) > 0:
            message = await inbox.next(timeout=left)
            if message is None:
                break
            if message.channel == call_commands(self._call_id):
                return message.data
            audio = messages.read_microphone(message.data, guest)
            if audio is None:
                self._counters["microphone_refused"] += 1
                continue
            until = self._clock.monotonic() + messages.MICROPHONE_LEASE_S
            voice.receive(audio)
        return {}

    def _ask_back(self, data: Mapping[str, Any]) -> None:
        if self._microphone is not None:
            self._microphone.put(Message(call_commands(self._call_id), data))
        else:
            self._answer(data, None)  # the AI speaks already, or is about to

    def _give_back(self, said: list[tuple[Speaker, str]], *, vanished: bool) -> None:
        self._line.lend(None)
        self._guest = self._listeners.guest = None
        self._line.playout.flush()  # sounds of our own that nobody should hear late
        self._conversation.resume(TAKEN_OVER, given_back_note(said, vanished=vanished))
        self._free.set()
        why = "Your microphone was lost; the AI goes on." if vanished else "You gave the call back to the AI."
        self._records.note("call.given_back", why, vanished=vanished)
        log.info("control.given_back", vanished=vanished)

    # -- inside

    def _answer(self, data: Mapping[str, Any], refusal: str | None) -> None:
        request_id = word(data, "request_id")
        if not request_id:
            return
        answer = {"type": messages.REFUSED if refusal else messages.OBEYED, "request_id": request_id}
        if refusal:
            answer["detail"] = refusal
        self._ports.spawn(self._bell.ring(call_commands(self._call_id), answer), "answer")
