"""The second line of a call: what a person hears before the callee is joined to them, and the key that they press.

Owns the sound of that line and the one decision that is made on it; and which such lines are expected (`SecondLines`),
as strangers are refused. It never carries the callee's sound. Who is dialled, and the joining, are not its matter.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final
from uuid import UUID

from opendeep.audio_processing_service.audiosocket_connection import AudioSocketConnection
from opendeep.audio_processing_service.ticker import Ticker
from opendeep.audio_processing_service.voice_format import NARROW_HZ, VoiceFormat, line_format
from opendeep.common.ids import new_id

FRAME_MS: Final = 20
FRAME_BYTES: Final = NARROW_HZ * 2 * FRAME_MS // 1000
LEAD_FRAMES: Final = 600 // FRAME_MS  # the receiver is still on its way to the ear
GAP_FRAMES: Final = 5_000 // FRAME_MS  # to decide in, before the briefing comes again
ROUNDS: Final = 2
ACCEPT_KEY: Final = "1"
DECLINE_KEY: Final = "2"


class Decision(Enum):
    """What became of it. A machine that picks up presses no key, and so is never joined to a callee."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    HUNG_UP = "hung up"
    SILENT = "silent"  # they heard it all and pressed nothing
    CALLED_OFF = "called off"  # by our side


class BriefingLine:
    """One per attempt. Implements the connection's `Listener`. `sound` is in the voice AI's format."""

    def __init__(self, ticker: Ticker, sound: bytes, voice: VoiceFormat) -> None:
        way = line_format(voice, NARROW_HZ)
        pcm = way.speak(sound)
        self._ticker = ticker
        self._silence = way.silence
        self._frames = [self._silence] * LEAD_FRAMES
        for at in range(0, len(pcm), FRAME_BYTES):
            self._frames.append(way.header + pcm[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))
        self._frames += [self._silence] * GAP_FRAMES
        self._position = 0
        self._connection: AudioSocketConnection | None = None
        self.decision: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()

    def attach(self, connection: AudioSocketConnection) -> bool:
        """The person has picked up; False when they have a line already, or it is decided."""
        if self._connection is not None or self.decision.done():
            return False
        self._connection = connection
        connection.adopt(self)
        return True

    def decide(self, decision: Decision) -> None:
        """The first decision counts."""
        if not self.decision.done():
            self.decision.set_result(decision)

    def close(self) -> None:
        """Hang up. Idempotent."""
        self.decide(Decision.CALLED_OFF)
        self._ticker.remove(self.tick)
        if self._connection is not None:
            self._connection.hang_up()

    # -- called by the connection and the ticker

    def hear(self, pcm: bytes, rate_hz: int) -> None:
        """What the person says is not listened to."""

    def digit(self, digit: str) -> None:
        if digit == ACCEPT_KEY:
            self.decide(Decision.ACCEPTED)
        elif digit == DECLINE_KEY:
            self.decide(Decision.DECLINED)

    def line_closed(self, reason: str) -> None:
        self._ticker.remove(self.tick)
        self.decide(Decision.HUNG_UP)

    def tick(self, frames: int) -> None:
        """`frames` of 20 ms are due on the line."""
        out = b"".join([self._next_frame() for _ in range(frames)])
        if self._connection is not None:
            self._connection.send(out)

    def _next_frame(self) -> bytes:
        at, self._position = self._position, self._position + 1
        if at >= ROUNDS * len(self._frames):
            self.decide(Decision.SILENT)
        return self._silence if self.decision.done() else self._frames[at % len(self._frames)]


class SecondLines:
    """The second lines that this process expects, by the id in their first frame."""

    def __init__(self) -> None:
        self._lines: dict[UUID, BriefingLine] = {}

    def get(self, sound_id: UUID) -> BriefingLine | None:
        return self._lines.get(sound_id)

    @contextmanager
    def expected(self, line: BriefingLine) -> Iterator[UUID]:
        """Under which id; afterwards the line is closed and nobody gets in by it."""
        sound_id = new_id()
        self._lines[sound_id] = line
        try:
            yield sound_id
        finally:
            del self._lines[sound_id]
            line.close()
