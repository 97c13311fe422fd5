"""The playout's accounting is exact, whatever the order of audio, ticks, completion and barge-in."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from opendeep.audio_processing_service.playout import Flushed, Playout, PlayoutEvent

FRAME = 160


def playout(capacity_ms: int = 180_000) -> Playout:
    return Playout(b"\xff", capacity_ms=capacity_ms)


def test_nothing_to_say_is_none() -> None:
    assert playout().next_frame() is None


def test_frames_are_cut_across_deltas_and_padded_at_the_end() -> None:
    queue = playout()
    queue.append("a", b"1" * 100)
    queue.append("a", b"2" * 100)
    queue.complete("a")
    assert queue.queued_ms == 25
    assert queue.next_frame() == b"1" * 100 + b"2" * 60
    assert queue.next_frame() == b"2" * 40 + b"\xff" * 120
    assert queue.next_frame() is None
    assert queue.events == [PlayoutEvent("a", started=True), PlayoutEvent("a", started=False)]


def test_an_item_without_its_end_waits_for_more() -> None:
    queue = playout()
    queue.append("a", b"1" * FRAME)
    queue.next_frame()
    assert queue.idle
    assert queue.events == [PlayoutEvent("a", started=True)]
    queue.append("a", b"2" * FRAME)
    assert queue.next_frame() == b"2" * FRAME
    queue.complete("a")
    assert queue.events[-1] == PlayoutEvent("a", started=False)


def test_barge_in_tells_what_was_heard_of_each_item() -> None:
    queue = playout()
    queue.append("a", b"1" * 8_000, content_index=1)
    queue.append("b", b"2" * 1_600)
    queue.complete("a")
    for _ in range(10):
        queue.next_frame()
    assert queue.flush() == [Flushed("a", 1, 1_000, 200), Flushed("b", 0, 200, 0)]
    assert queue.next_frame() is None
    assert queue.flush() == []


def test_what_was_heard_to_its_end_is_not_cut() -> None:
    queue = playout()
    queue.append("a", b"1" * FRAME)
    queue.complete("a")
    queue.next_frame()
    assert queue.flush() == []


def test_the_provider_is_gone() -> None:
    queue = playout()
    queue.append("a", b"1" * 2 * FRAME)
    queue.next_frame()
    queue.complete_all()
    queue.next_frame()
    assert queue.events[-1] == PlayoutEvent("a", started=False)


def test_more_than_fits_is_dropped_at_the_end_and_counted() -> None:
    queue = playout(capacity_ms=40)
    queue.append("a", b"1" * 300)
    queue.append("a", b"2" * 300)
    assert queue.dropped_bytes == 280
    assert [queue.next_frame(), queue.next_frame(), queue.next_frame()] == [
        b"1" * FRAME,
        b"1" * 140 + b"2" * 20,
        None,
    ]


class PlayoutMachine(RuleBasedStateMachine):
    """Against a model: one list of bytes that were not played yet."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = playout()
        self.waiting: list[tuple[str, int]] = []
        self.received: dict[str, int] = {}
        self.played: dict[str, int] = {}
        self.count = 0

    @rule(size=st.integers(0, 500), new=st.booleans())
    def audio(self, size: int, new: bool) -> None:
        self.count += new
        item = f"item{self.count}"
        self.queue.append(item, bytes([self.count % 200]) * size)
        self.waiting += [(item, self.count % 200)] * size
        self.received[item] = self.received.get(item, 0) + size

    @rule()
    def tick(self) -> None:
        frame = self.queue.next_frame()
        due, self.waiting = self.waiting[:FRAME], self.waiting[FRAME:]
        assert frame == (bytes(code for _, code in due).ljust(FRAME, b"\xff") if due else None)
        for item, _ in due:
            self.played[item] = self.played.get(item, 0) + 1

    @rule()
    def barge_in(self) -> None:
        for cut in self.queue.flush():
            assert cut.received_ms == self.received[cut.item_id] // 8
            assert cut.played_ms == self.played.get(cut.item_id, 0) // 8
        self.waiting.clear()
        self.received.clear()
        self.played.clear()
        self.count += 1

    @rule(back=st.integers(0, 2))
    def complete(self, back: int) -> None:
        self.queue.complete(f"item{self.count - back}")
        self.count += 1

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.queue.queued_ms == -(-len(self.waiting) // 8)
        assert self.queue.idle == (not self.waiting)


TestPlayoutMachine = PlayoutMachine.TestCase


@given(st.lists(st.integers(1, 700), min_size=1, max_size=20))
def test_everything_that_came_is_played_once_in_order(sizes: list[int]) -> None:
    queue = playout()
    sent = b""
    for number, size in enumerate(sizes):
        piece = bytes([number]) * size
        queue.append("a", piece)
        sent += piece
    heard = b""
    while (frame := queue.next_frame()) is not None:
        heard += frame
    assert heard == sent.ljust(len(heard), b"\xff")
    assert len(heard) - len(sent) < FRAME
