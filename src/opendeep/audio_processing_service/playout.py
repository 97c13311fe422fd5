"""The playout queue of one call: what the AI has said and the callee has not heard yet. Pure, exact to the byte.

Truncation after barge-in and the times of the transcript depend on this accounting. Sound waits as the line takes it:
`convert` makes it so when it comes, in large pieces, so that a tick only has to cut. Silence that fills a gap is never
counted as played. No clock, no sockets here.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

G711_BYTES_PER_MS: Final = 8
FRAME_MS: Final = 20
LOCAL_ITEM: Final = "local:"  # begins the id of a sound of our own
CAPACITY_MS: Final = 180_000  # the provider sends faster than real time; more than this in one go is nonsense

Convert = Callable[[bytes], bytes]


def _nothing() -> None: ...


@dataclass(slots=True)
class Item:
    """One assistant item. `received` and `played` in bytes; `complete`: no more audio will come."""

    item_id: str
    content_index: int
    received: int = 0
    played: int = 0
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Flushed:
    """An item that barge-in cut: ms of it that came from the provider and ms that were played."""

    item_id: str
    content_index: int
    received_ms: int
    played_ms: int


@dataclass(frozen=True, slots=True)
class PlayoutEvent:
    """The first frame of an item leaves (`started`), or its last one has left."""

    item_id: str
    started: bool


class Playout:
    """Items play one after the other in the order of their first audio.

    Overflow: audio beyond `capacity_ms` is dropped at the end of its item and counted in `dropped_bytes`.
    """

    def __init__(
        self,
        silence: bytes = b"\xff",
        bytes_per_ms: int = G711_BYTES_PER_MS,
        capacity_ms: int = CAPACITY_MS,
        convert: Convert = bytes,
        restart: Callable[[], None] = _nothing,
    ) -> None:
        """`silence`: one sample of it. `convert`: what is appended to what the line takes, at `bytes_per_ms`;
        `restart`: what was converted last was cut off."""
        self._silence = silence
        self._capacity_ms = capacity_ms
        self._set_format(bytes_per_ms, convert, restart)
        self._items: deque[Item] = deque()
        self._chunks: deque[tuple[Item, bytes]] = deque()
        self._offset = 0  # played part of the first chunk
        self._queued = 0
        self._held = False
        self.events: list[PlayoutEvent] = []  # emptied by the owner after each call
        self.dropped_bytes = 0

    @property
    def queued_ms(self) -> int:
        """How long what waits will take."""
        return -(-self._queued // self._bytes_per_ms)

    @property
    def idle(self) -> bool:
        """Nothing waits (an item may still get more audio)."""
        return self._queued == 0

    def append(self, item_id: str, audio: bytes, content_index: int = 0) -> None:
        """Queue audio of an item."""
        audio = self._convert(audio)
        room = self._capacity - self._queued
        if len(audio) > room:
            self.dropped_bytes += len(audio) - room
            audio = audio[:room]
        self._queue(self._item(item_id, content_index), audio)

    def change_format(
        self, bytes_per_ms: int, convert: Convert, restart: Callable[[], None], convert_waiting: Convert
    ) -> None:
        """The line takes something else from now on; what waits is converted."""
        for item in self._items:
            item.played = item.received = item.played * bytes_per_ms // self._bytes_per_ms
        waiting, offset = list(self._chunks), self._offset
        self._chunks.clear()
        self._offset = self._queued = 0
        self._set_format(bytes_per_ms, convert, restart)
        for item, chunk in waiting:
            self._queue(item, convert_waiting(chunk[offset:]))
            offset = 0

    def complete(self, item_id: str) -> None:
        """No more audio of this item will come."""
        for item in self._items:
            if item.item_id == item_id:
                item.complete = True
        self._retire()

    def complete_all(self) -> None:
        """The provider is gone: nothing that waits will get more audio."""
        for item in self._items:
            item.complete = True
        self._retire()

    def next_frame(self) -> bytes | None:
        """The next 20 ms, padded with silence at the end; None when there is nothing to say."""
        if not self._queued or self._held:
            return None
        item, chunk = self._chunks[0]
        end = self._offset + self._frame_bytes
        if end < len(chunk):
            frame = chunk[self._offset : end]
            self._offset = end
            self._queued -= self._frame_bytes
            self._count(item, self._frame_bytes)
            return frame
        return self._gather()

    def hold(self) -> None:
        """Silence from the next frame on; everything waits."""
        self._held = True

    def go_on(self) -> None:
        """Play on from where it was held."""
        self._held = False

    @property
    def playing(self) -> tuple[str, float] | None:
        """The item that is being heard and the share of what came of it, 0 to 1, that was played."""
        if not self._chunks:
            return None
        item = self._chunks[0][0]
        return item.item_id, item.played / item.received

    def flush(self) -> list[Flushed]:
        """Forget everything that was not played. Returns what was cut, the item being heard first."""
        self._retire()
        cut = [
            Flushed(item.item_id, item.content_index, item.received // self._bytes_per_ms, self._played_ms(item))
            for item in self._items
            if item.received > item.played or not item.complete
        ]
        self._items.clear()
        self._chunks.clear()
        self._offset = self._queued = 0
        self._held = False
        self._restart()
        return cut

    def _gather(self) -> bytes:
        """A frame that uses up at least one chunk."""
        parts, missing = [], self._frame_bytes
        while missing and self._chunks:
            item, chunk = self._chunks[0]
            part = chunk[self._offset : self._offset + missing]
            self._offset += len(part)
            if self._offset == len(chunk):
                self._chunks.popleft()
                self._offset = 0
            self._queued -= len(part)
            missing -= len(part)
            self._count(item, len(part))
            parts.append(part)
        self._retire()
        return b"".join(parts) + self._silence * (missing // len(self._silence))

    def _set_format(self, bytes_per_ms: int, convert: Convert, restart: Callable[[], None]) -> None:
        self._frame_bytes = bytes_per_ms * FRAME_MS
        self._bytes_per_ms = bytes_per_ms
        self._capacity = self._capacity_ms * bytes_per_ms
        self._convert = convert
        self._restart = restart

    def _queue(self, item: Item, audio: bytes) -> None:
        if audio:
            item.received += len(audio)
            self._chunks.append((item, audio))
            self._queued += len(audio)

    def _item(self, item_id: str, content_index: int) -> Item:
        for item in reversed(self._items):
            if item.item_id == item_id:
                return item
        item = Item(item_id, content_index)
        self._items.append(item)
        return item

    def _count(self, item: Item, played: int) -> None:
        if item.played == 0:
            self.events.append(PlayoutEvent(item.item_id, started=True))
        item.played += played

    def _retire(self) -> None:
        while self._items and self._items[0].complete and self._items[0].played >= self._items[0].received:
            item = self._items.popleft()
            if item.played:
                self.events.append(PlayoutEvent(item.item_id, started=False))

    def _played_ms(self, item: Item) -> int:
        return min(item.played, item.received) // self._bytes_per_ms
