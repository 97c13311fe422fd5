"""One listener of a live call, on the listener's node: a lease that is renewed, sound that is mixed, a microphone.

Owns what is passed on to a browser and how much may be on its way: a listener that falls behind loses sound, which is
counted, and one that does not say that it lives is let go. The call itself may be held by any node.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

import numpy as np

from opendeep.audio_processing_service import live_messages as messages
from opendeep.audio_processing_service.g711 import Law
from opendeep.audio_processing_service.live_messages import BATCH_BYTES, BATCH_MS, LEASE_S, RENEW_S, Side, Sound
from opendeep.common.channels import call_commands, call_microphone, call_sound
from opendeep.common.clock import Clock
from opendeep.common.data_models import Call
from opendeep.common.errors import DatabaseUnavailable, NotFound, UserMistake
from opendeep.common.ids import new_id
from opendeep.common.redis_client import Doorbell
from opendeep.database.db_manager import DatabaseManager

CAPACITY: Final = 40  # messages that wait for a busy process; the oldest goes first
MAX_AHEAD: Final = 50  # batches (5 s) that were sent and not yet reported as received
LOOK_S: Final = 10.0  # without any sound: does the call still live?
BURST_MS: Final = 1_000.0  # of microphone, faster than real time
FASTER: Final = 1.05  # a microphone's clock may run so much fast
SILENCE: Final = Law.ULAW.silence * BATCH_BYTES


class MicrophoneFormat(StrEnum):
    """8 kHz, one channel. PCM16 is little-endian."""

    PCMU = "pcmu"
    PCM16 = "pcm16"


class ListenerGone(UserMistake):
    """The browser has not said for `LEASE_S` that it lives."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What to pass on. `sound`: 100 ms of µ-law, None when there is none for this listener now. Levels in dBFS."""

    at_ms: int
    sound: bytes | None
    callee_db: float | None
    ours_db: float | None
    taken_over: bool
    by_me: bool


class CallListener:
    """`async with`, then `next()` until it gives None: the call has ended. `alive` at least every `LEASE_S`."""

    def __init__(self, call: Call, side: Side, db: DatabaseManager, bell: Doorbell, clock: Clock) -> None:
        self.id = str(new_id())
        self.side = side
        self.lost = 0  # batches that this listener did not get
        self.refused_ms = 0.0  # of microphone: too fast, or not the one who speaks
        self._call = call
        self._db = db
        self._bell = bell
        self._clock = clock
        self._inbox = bell.listen(call_sound(call.id), call_commands(call.id), capacity=CAPACITY)
        self._sent = self._received = self._dropped = 0
        self._alive_at = self._heard_at = clock.monotonic()
        self._renew_at = 0.0
        self._speaks = False
        self._budget_ms = BURST_MS
        self._budget_at = clock.monotonic()

    async def __aenter__(self) -> Self:
        await self._inbox.__aenter__()
        await self._renew(self._clock.monotonic())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._inbox.__aexit__(kind, error, trace)
        await self._bell.ring(call_commands(self._call.id), self._order("unlisten"))

    def alive(self, received: int) -> None:
        """The browser lives and has got so many batches."""
        self._alive_at = self._clock.monotonic()
        self._received = max(self._received, min(received, self._sent))

    async def hear(self, side: Side) -> None:
        """Hear another side from now on."""
        self.side = side
        await self._renew(self._clock.monotonic())

    async def next(self) -> Heard | None:
        """The next batch; None when the call has ended. Raises `ListenerGone`."""
        while True:
            now = self._clock.monotonic()
            if now - self._alive_at >= LEASE_S:
                raise ListenerGone("This page was silent for too long.")
            if now >= self._renew_at:
                if await self._is_over():
                    return None
                await self._renew(now)
            message = await self._inbox.next(timeout=self._renew_at - now)
            if message is None:
                continue
            if message.channel == call_commands(self._call.id):
                if message.data.get("type") in ("ended", "media_ended"):
                    return None
            elif (sound := messages.read_sound(message.data)) is not None:
                self._heard_at = self._clock.monotonic()
                return self._passed_on(sound)

    async def speak(self, audio: bytes, form: MicrophoneFormat) -> None:
        """Microphone audio, at most `MAX_MICROPHONE_BYTES` samples; dropped and counted unless this listener has taken
        over, and when it comes faster than real time."""
        audio = Law.ULAW.encode(audio) if form is MicrophoneFormat.PCM16 else audio
        length_ms = len(audio) / 8
        now = self._clock.monotonic()
        self._budget_ms = min(BURST_MS, self._budget_ms + (now - self._budget_at) * 1000 * FASTER)
        self._budget_at = now
        if not audio or not self._speaks or length_ms > self._budget_ms:
            self.refused_ms += length_ms
            return
        self._budget_ms -= length_ms
        await self._bell.ring(call_microphone(self._call.id), messages.write_microphone(self.id, audio))

    # -- inside

    def _passed_on(self, sound: Sound) -> Heard:
        self._speaks = sound.guest == self.id
        self.lost += self._inbox.dropped - self._dropped
        self._dropped = self._inbox.dropped
        audio = None
        if self.side is not Side.NONE:
            if self._sent - self._received < MAX_AHEAD:
                audio = side_of(sound, self.side)
                self._sent += 1
            else:
                self.lost += 1
        return Heard(sound.at_ms, audio, sound.callee_db, sound.ours_db, sound.guest is not None, self._speaks)

    async def _renew(self, now: float) -> None:
        self._renew_at = now + RENEW_S
        await self._bell.ring(call_commands(self._call.id), self._order("listen") | {"side": self.side.value})

    def _order(self, kind: str) -> messages.Message:
        return {"type": kind, "listener": self.id, "user_id": str(self._call.user_id)}

    async def _is_over(self) -> bool:
        """The bell may have lost the end."""
        if self._clock.monotonic() - self._heard_at < LOOK_S:
            return False
        self._heard_at = self._clock.monotonic()
        try:
            async with self._db.read() as work:
                return not (await work.calls.get_call_by_id(self._call.id, self._call.user_id)).live
        except NotFound:
            return True
        except DatabaseUnavailable:
            return False


def side_of(sound: Sound, side: Side) -> bytes:
    """100 ms of µ-law; both sides are added, and clipped where they are too loud together."""
    callee, ours = sound.callee, sound.ours
    if side is Side.CALLEE or ours is None:
        return (callee if side is not Side.OURS else ours) or SILENCE
    if side is Side.OURS or callee is None:
        return ours
    length = BATCH_MS * 8
    mixed = sum(
        np.frombuffer(Law.ULAW.decode(each.ljust(length, b"\xff")[:length]), "<i2").astype(np.int32)
        for each in (callee, ours)
    )
    return Law.ULAW.encode(np.clip(mixed, -32_768, 32_767).astype("<i2").tobytes())
