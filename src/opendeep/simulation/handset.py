"""One page with a phone: what waits to be sent to it, and what its person does.

Owns the page's two outboxes. Which call rings where is decided in `browser_phones`; sockets and what a page may send
live in the web interface.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Protocol
from uuid import UUID

MAX_FRAMES: Final = 50  # of 20 ms; the oldest goes when the page does not take them, and is counted
MAX_MESSAGES: Final = 64  # a page that leaves more of them unread is told nothing more and must come again

Message = Mapping[str, Any]


class PhoneDesk(Protocol):
    """Where the handsets of all users hang."""

    def answer(self, handset: Handset, call_id: str) -> None: ...
    def decline(self, handset: Handset, call_id: str) -> None: ...
    def hang_up(self, handset: Handset, call_id: str) -> None: ...
    def press(self, handset: Handset, digit: str) -> None: ...
    def speak(self, handset: Handset, audio: bytes) -> None: ...
    def leave(self, handset: Handset) -> None: ...


class Handset:
    """Hangs at the desk until its context ends; a call that it has answered ends with it."""

    def __init__(self, desk: PhoneDesk, user_id: UUID) -> None:
        self.user_id = user_id
        self.lost_frames = 0
        self._desk = desk
        self._messages: deque[Message] = deque()
        self._frames: deque[bytes] = deque()
        self._full = False
        self._news = asyncio.Event()

    async def __aenter__(self) -> Handset:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._desk.leave(self)

    # -- what the person does

    def answer(self, call_id: str) -> None:
        """Pick up; when another page was faster or the caller gave up, this page is told `stopped`."""
        self._desk.answer(self, call_id)

    def decline(self, call_id: str) -> None:
        self._desk.decline(self, call_id)

    def hang_up(self, call_id: str) -> None:
        self._desk.hang_up(self, call_id)

    def press(self, digit: str) -> None:
        """Press a key (`0`-`9`, `*`, `#`)."""
        self._desk.press(self, digit)

    def speak(self, audio: bytes) -> None:
        """Take microphone, µ-law at 8 kHz; ignored unless this page is in the call."""
        self._desk.speak(self, audio)

    # -- what the page gets

    async def next(self, timeout: float) -> bytes | Message | None:
        """Return the next message, or 20 ms of µ-law; None when there was nothing for `timeout` seconds.

        Raises `TimeoutError` when the page has left too many messages unread.
        """
        if not (self._messages or self._frames or self._full):
            self._news.clear()
            try:
                async with asyncio.timeout(timeout):
                    await self._news.wait()
            except TimeoutError:
                return None
        if self._full:
            raise TimeoutError("this page does not read what it is told")
        return self._messages.popleft() if self._messages else self._frames.popleft() if self._frames else None

    def tell(self, message: Message) -> None:
        """Queue a message; they go before sound."""
        self._full = self._full or len(self._messages) >= MAX_MESSAGES
        if not self._full:
            self._messages.append(message)
        self._news.set()

    def hear(self, frame: bytes) -> None:
        """Queue 20 ms of µ-law."""
        if len(self._frames) >= MAX_FRAMES:
            self._frames.popleft()
            self.lost_frames += 1
        self._frames.append(frame)
        self._news.set()

    def fall_silent(self) -> None:
        """Forget the sound that was not sent yet."""
        self._frames.clear()
