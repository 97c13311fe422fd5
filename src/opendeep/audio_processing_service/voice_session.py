"""The call's session with the voice AI: opened while it rings, held during the talk, replaced when it was lost.

Owns which client is in use, the callee's audio that waits for a session, and how a session's loss becomes a value. What
is sent at its beginning and whether to try again is `audio_socket_handler`'s decision.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from opendeep.audio_processing_service import realtime_protocol as protocol
from opendeep.audio_processing_service.voice_provider import SessionEnd, VoiceProvider
from opendeep.audio_processing_service.voice_services import VoiceServices
from opendeep.common.errors import ProviderFault, ProviderRefused

FRAME_MS: Final = 20
EARLY_FRAMES: Final = 150  # 3 s of the callee, heard before the session was ready; the oldest goes first
MAX_APPEND_FRAMES: Final = 25  # of what has waited for a session, in one message
BATCH_FRAMES: Final = 2  # sent together: half the messages for 10 ms of delay on average


class VoiceSession:
    """One per call; `hold` once for each session of it.

    `receive` gets the server's events; `encode` makes the line's sound what the session takes. `voice` may be set until
    the first `open`; its sound has the format of the call's line.
    """

    def __init__(
        self, services: VoiceServices, receive: Callable[[protocol.Event], None], encode: Callable[[bytes], bytes]
    ) -> None:
        self._encode = encode
        self.voice = services.freely
        self._reopen_s = services.times.reopen_s
        self._receive = receive
        self._client: VoiceProvider | None = None
        self._end: asyncio.Future[SessionEnd] | None = None
        self._unsent: deque[bytes] = deque(maxlen=EARLY_FRAMES)
        self._live = False
        self._paused = False
        self._sent_ms = 0  # of the callee's audio, to this session
        self._broken = False  # lost while it rang
        self.opened = 0

    @property
    def live(self) -> bool:
        """The session has its instructions; the callee's audio goes to it."""
        return self._live

    def stream_offset_ms(self, now_ms: int) -> int:
        """When, in the time of the call, the session's audio would have begun if it had come without a gap."""
        return max(0, now_ms - len(self._unsent) * FRAME_MS - self._sent_ms)

    def pause(self) -> None:
        """No audio of the callee to the session; the last seconds wait."""
        self._paused = True

    def resume(self) -> None:
        """Audio again, first what waits: the word that ended the pause is in it."""
        self._paused = False
        self._send_batch()

    async def open(self) -> None:
        """Connect and send the minimal session. Raises `ProviderFault`, `ProviderRefused`."""
        client = self.voice.make(self._receive, self.lose)
        try:
            await client.connect()
        except ProviderFault as fault:
            self.voice.breaker.failed(fault)
            raise
        self.voice.breaker.opened()
        self._client = client
        self.opened += 1
        self.send(protocol.minimal_session(self.voice.settings))

    async def hold(self, begin: Callable[[], None]) -> SessionEnd:
        """Open a session unless one is open, let `begin` send what it needs, and wait until it is lost."""
        end: asyncio.Future[SessionEnd] = asyncio.get_running_loop().create_future()
        if self._broken:
            await self.close()
        self._end = end
        try:
            if self._client is None:
                async with asyncio.timeout(self._reopen_s):
                    await self.open()
            self._sent_ms = 0
            begin()
            self._live = True
            self._send_batch()
            return await end
        except TimeoutError:
            self.voice.breaker.failed(
                ProviderFault("The voice AI cannot be reached: it did not open a session in time.")
            )
            return SessionEnd("no session in time")
        except ProviderFault as error:
            refused = isinstance(error, ProviderRefused)
            return SessionEnd(str(error), fatal=refused, everywhere=refused)
        finally:
            await self.close()

    def send(self, event: protocol.Event) -> None:
        """Send an event to the session, if there is one."""
        if self._client is not None:
            self._client.send(event)

    def hear(self, pcm: bytes) -> None:
        """20 ms of the callee, s16le at the line's rate."""
        self._unsent.append(pcm)
        if self._live and not self._paused and len(self._unsent) == BATCH_FRAMES:
            # After all lines were read: a send wakes its receiver, which on the way from read to read costs most.
            asyncio.get_running_loop().call_soon(self._send_batch)

    def lose(self, end: SessionEnd) -> None:
        """The session is over or of no use any more. One lost while it rang is replaced by `hold`."""
        if end.everywhere:
            self.voice.breaker.failed(ProviderRefused(f"The voice AI does not work for us: {end.reason}."))
        if self._end is None:
            self._broken = True
        elif not self._end.done():
            self._end.set_result(end)

    async def close(self) -> None:
        """Close the socket. Idempotent."""
        self._live = False
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _send_batch(self) -> None:
        if self._live and not self._paused:  # else it waits
            self._append_unsent()

    def _append_unsent(self) -> None:
        while self._unsent:
            frames = min(MAX_APPEND_FRAMES, len(self._unsent))
            pcm = b"".join([self._unsent.popleft() for _ in range(frames)])
            self._sent_ms += frames * FRAME_MS
            if self._client is not None:
                self._client.append_audio(self._encode(pcm))
