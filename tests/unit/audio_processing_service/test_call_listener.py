"""A listener on its own node: renewals, what may be on its way, and a microphone no faster than a voice."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from opendeep.audio_processing_service import call_listener
from opendeep.audio_processing_service.call_listener import CallListener, ListenerGone, MicrophoneFormat, side_of
from opendeep.audio_processing_service.live_messages import LEASE_S, RENEW_S, Side, Sound, write_sound
from opendeep.common.channels import call_commands, call_microphone, call_sound
from opendeep.common.data_models import Call, CallStatus
from opendeep.common.redis_client import InProcessDoorbell, Subscription
from opendeep.database.db_manager import DatabaseManager
from tests.integration.audio_world import add_call
from tests.support.audio import mulaw_decode, mulaw_encode, tone, tone_ms
from tests.support.clock import ManualClock
from tests.support.database import sqlite_url

PIECE = b"\x01" * 320  # 40 ms


def batch(guest: str | None = None, callee: bytes | None = b"\x01" * 800) -> dict[str, Any]:
    return write_sound(Sound(100, callee, None, -20.0, None, guest))


class Line:
    """One listener of a call that exists only as a row."""

    def __init__(self, db: DatabaseManager, bell: InProcessDoorbell, call: Call, orders: Subscription) -> None:
        self.db, self.bell, self.call, self.orders = db, bell, call, orders
        self.clock = ManualClock()
        self.listener = CallListener(call, Side.CALLEE, db, bell, self.clock)

    async def sound(self, **fields: Any) -> call_listener.Heard | None:
        await self.bell.ring(call_sound(self.call.id), batch(**fields))
        return await self.listener.next()

    def kinds(self) -> list[str]:
        return [message.data["type"] for message in self.orders.drain()]


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    bell = InProcessDoorbell()
    db = DatabaseManager(sqlite_url(tmp_path), bell)
    await db.upgrade()
    call = await add_call(db)
    async with bell.listen(call_commands(call.id)) as orders:
        yield Line(db, bell, call, orders)
    await db.close()


async def test_it_renews_while_its_browser_lives_and_leaves_at_the_end(line: Line) -> None:
    async with line.listener:
        [first] = line.orders.drain()
        assert first.data == {
            "type": "listen",
            "listener": line.listener.id,
            "side": "callee",
            "user_id": str(line.call.user_id),
        }
        await line.sound()
        assert line.kinds() == []
        line.clock.advance(RENEW_S)
        await line.sound()
        assert line.kinds() == ["listen"]
        line.clock.advance(LEASE_S - RENEW_S - 0.1)
        line.listener.alive(2)
        line.clock.advance(0.1)
        await line.sound()
        line.orders.drain()
        line.clock.advance(LEASE_S)
        with pytest.raises(ListenerGone):
            await line.listener.next()
        assert line.kinds() == []
    assert line.kinds() == ["unlisten"]


async def test_no_more_is_sent_than_the_browser_can_take(line: Line) -> None:
    async with line.listener:
        for _ in range(call_listener.MAX_AHEAD):
            heard = await line.sound()
            assert heard is not None
            assert heard.sound is not None
        behind = await line.sound()
        assert behind is not None
        assert (behind.sound, behind.callee_db, line.listener.lost) == (None, -20.0, 1)
        line.listener.alive(10)
        heard = await line.sound()
        assert heard is not None
        assert heard.sound is not None


async def test_more_than_was_sent_cannot_be_received(line: Line) -> None:
    async with line.listener:
        line.listener.alive(1 << 40)
        sent = [await line.sound() for _ in range(call_listener.MAX_AHEAD + 1)]
        assert sent[-1] is not None
        assert sent[-1].sound is None


async def test_a_node_that_is_too_busy_drops_the_oldest_and_says_so(line: Line) -> None:
    async with line.listener:
        await line.sound()
        for _ in range(call_listener.CAPACITY + 5):
            await line.bell.ring(call_sound(line.call.id), batch())
        await line.listener.next()
        assert line.listener.lost == 5


@pytest.mark.parametrize("told", [{"type": "ended"}, {"type": "media_ended"}])
async def test_the_end_of_the_call(line: Line, told: dict[str, str]) -> None:
    async with line.listener:
        await line.bell.ring(call_commands(line.call.id), told)
        assert await line.listener.next() is None


async def test_an_end_that_the_bell_has_lost_is_seen_in_the_row(line: Line) -> None:
    async with line.listener:
        assert await line.sound() is not None
        await line.db.update_call_status(line.call.id, CallStatus.FAILED)
        for _ in range(2):
            line.clock.advance(call_listener.LOOK_S / 2)
            line.listener.alive(1)
        assert await line.listener.next() is None


async def test_the_microphone_goes_nowhere_before_and_at_most_as_fast_as_it_is_spoken(line: Line) -> None:
    async with line.listener, line.bell.listen(call_microphone(line.call.id)) as microphone:
        await line.listener.speak(PIECE, MicrophoneFormat.PCMU)
        assert microphone.drain() == []
        await line.sound(guest=line.listener.id)
        for _ in range(100):  # 4 s at once
            await line.listener.speak(PIECE, MicrophoneFormat.PCMU)
        assert len(microphone.drain()) == call_listener.BURST_MS / 40
        line.clock.advance(1)
        for _ in range(100):
            await line.listener.speak(PIECE, MicrophoneFormat.PCMU)
        assert 24 <= len(microphone.drain()) <= 26
        line.clock.advance(1)
        await line.sound(guest="somebody else")
        await line.listener.speak(PIECE, MicrophoneFormat.PCMU)
        assert microphone.drain() == []
        assert line.listener.refused_ms >= 40 * 100


async def test_16_bits_become_g711(line: Line) -> None:
    async with line.listener, line.bell.listen(call_microphone(line.call.id)) as microphone:
        await line.sound(guest=line.listener.id)
        await line.listener.speak(tone(1_000, 40), MicrophoneFormat.PCM16)
        [message] = microphone.drain()
        assert message.data["guest"] == line.listener.id
        assert len(message.data["audio"]) == -(-320 // 3) * 4


def test_both_sides_are_added_and_clipped() -> None:
    callee, ours = tone(1_000, 100, 20_000), tone(1_000, 100, 20_000)
    sound = Sound(0, mulaw_encode(callee), mulaw_encode(ours), -1.0, -1.0, None)
    mixed = np.frombuffer(mulaw_decode(side_of(sound, Side.BOTH)), "<i2")
    assert mixed.max() > 31_000
    assert mixed.min() < -31_000
    assert np.corrcoef(mixed, np.frombuffer(callee, "<i2"))[0, 1] > 0.95  # clipped, not wrapped


@pytest.mark.parametrize(
    ("side", "callee", "ours"),
    [(Side.CALLEE, 100, 0), (Side.OURS, 0, 100), (Side.BOTH, 100, 100)],
)
def test_sides(side: Side, callee: int, ours: int) -> None:
    one, other = mulaw_encode(tone(1_000, 100)), mulaw_encode(tone(2_000, 100))
    heard = mulaw_decode(side_of(Sound(0, one, other, -1.0, -1.0, None), side))
    assert (tone_ms(heard, 1_000, purity=0.4), tone_ms(heard, 2_000, purity=0.4)) == (callee, ours)
    only = side_of(Sound(0, one, None, -1.0, None, None), side)
    assert (only == one) is (callee > 0)
    assert len(only) == len(side_of(Sound(0, None, None, None, None, None), side)) == 800
