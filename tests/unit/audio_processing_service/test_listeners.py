"""Who listens, for how long, and what they get."""

from opendeep.audio_processing_service.listeners import LEASE_MS, MAX_LISTENERS, Listeners, level_db
from opendeep.audio_processing_service.live_messages import BATCH_BYTES, Sound
from tests.support.audio import mulaw_decode, silence, tone, tone_ms

FRAME = tone(1_000, 20)


class Room:
    """Listeners and all that they were given."""

    def __init__(self) -> None:
        self.heard: list[Sound] = []
        self.idle = 0
        self.listeners = Listeners(self.heard.append, self._idle)

    def _idle(self) -> None:
        self.idle += 1

    def pass_time(self, ms: int, callee: bytes | None = None, ours: bytes | None = None) -> None:
        for _ in range(ms // 20):
            if callee is not None:
                self.listeners.hear(callee)
            self.listeners.tick(ours)


def test_a_batch_has_both_sides_and_their_levels() -> None:
    room = Room()
    room.listeners.renew("l1", sound=True)
    room.pass_time(100, callee=tone(1_000, 20, 8_000), ours=tone(2_000, 20, 4_000))
    [batch] = room.heard
    assert batch.at_ms == 100
    assert batch.callee is not None
    assert batch.ours is not None
    assert len(batch.callee) == len(batch.ours) == BATCH_BYTES
    assert tone_ms(mulaw_decode(batch.callee), 1_000) == 100
    assert tone_ms(mulaw_decode(batch.ours), 2_000) == 100
    assert batch.callee_db == -15.3  # 8,000 of 32,768, and 3 dB less for a sine
    assert batch.ours_db == -21.3


def test_silence_is_told_and_not_sent() -> None:
    room = Room()
    room.listeners.renew("l1", sound=True)
    room.pass_time(100, callee=silence(20))
    [batch] = room.heard
    assert (batch.callee, batch.ours, batch.callee_db, batch.ours_db) == (None, None, None, None)


def test_a_frame_in_a_silent_batch_keeps_its_place() -> None:
    room = Room()
    room.listeners.renew("l1", sound=True)
    for spoken in (None, None, FRAME, None, None):
        room.listeners.tick(spoken)
    assert room.heard[0].ours is not None
    pcm = mulaw_decode(room.heard[0].ours)
    assert [any(pcm[at : at + 320]) for at in range(0, 1_600, 320)] == [False, False, True, False, False]


def test_who_only_looks_at_levels_costs_no_sound() -> None:
    room = Room()
    room.listeners.renew("looks", sound=False)
    room.pass_time(100, ours=FRAME)
    assert room.heard[0].ours is None
    assert room.heard[0].ours_db is not None
    room.listeners.renew("listens", sound=True)
    room.pass_time(100, ours=FRAME)
    assert room.heard[1].ours is not None


def test_a_lease_that_is_not_renewed_ends() -> None:
    room = Room()
    room.listeners.renew("l1", sound=True)
    room.pass_time(LEASE_MS - 100)
    assert "l1" in room.listeners
    room.listeners.renew("l1", sound=True)
    room.pass_time(LEASE_MS - 100)
    assert (len(room.listeners), room.idle) == (1, 0)
    room.pass_time(100)
    assert (len(room.listeners), room.idle) == (0, 1)


def test_the_last_who_leaves_ends_it_and_nothing_stale_is_heard_later() -> None:
    room = Room()
    room.listeners.renew("l1", sound=True)
    room.listeners.renew("l2", sound=True)
    room.pass_time(60, ours=FRAME)
    room.listeners.leave("l1")
    assert room.idle == 0
    room.listeners.leave("l2")
    room.listeners.leave("l2")
    assert room.idle == 1
    room.listeners.renew("l3", sound=True)
    room.pass_time(100)
    assert room.heard[0].ours is None


def test_listeners_are_bounded() -> None:
    room = Room()
    assert all(room.listeners.renew(f"l{n}", sound=True) for n in range(MAX_LISTENERS))
    assert not room.listeners.renew("one more", sound=True)
    assert room.listeners.renew("l0", sound=True)


def test_callee_frames_that_come_in_a_burst_are_bounded() -> None:
    room = Room()
    room.listeners.renew("l1", sound=True)
    for _ in range(500):
        room.listeners.hear(FRAME)
    room.pass_time(400)
    assert [batch.callee is not None for batch in room.heard] == [True, True, False, False]


def test_levels() -> None:
    assert level_db(silence(100)) is None
    assert level_db(b"") is None
    full = b"\xff\x7f\x01\x80" * 400
    assert level_db(full) == 0.0
