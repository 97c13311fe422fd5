"""The telephony side against the simulated switch, whose events come in every order that the real one allows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opendeep.call_processor_service.asterisk_ami_client import AmiAddress
from opendeep.common import channels
from opendeep.common.data_models import CallStatus, Disposition
from tests.integration.calls_world import World, calls_world, next_message
from tests.unit.call_processor_service.fake_switch import FakeSwitch
from tests.unit.simulation.support import SECRET, USERNAME
from tests.unit.simulation.support import World as SwitchWorld
from tests.unit.simulation.support import world as switch_world

BOOKS, BUSY_FIRST, NO_ANSWER, UNALLOCATED = "+12025550101", "+12025550103", "+12025550107", "+12025550108"
REJECTS, HANGS_UP, UNKNOWN = "+12025550109", "+12025550111", "+12025559999"
EVERY_S = 0.001  # a tick of 20 ms of the switch's time


async def keep_time(place: SwitchWorld) -> None:
    while True:
        place.ticker.advance(20)
        await asyncio.sleep(EVERY_S)


@contextlib.asynccontextmanager
async def both(folder: Path, seed: int | None = None) -> AsyncIterator[tuple[World, SwitchWorld]]:
    async with switch_world(silence_limit_ms=3_600_000, shuffle_seed=seed) as place:
        host, port = place.switch.ami_address
        async with calls_world(
            folder,
            FakeSwitch(),
            address=AmiAddress(host, port, USERNAME, SECRET),
            audiosocket=("127.0.0.1", place.peer.port),
            originate_timeout_ms=8_000,
        ) as calls:
            time = asyncio.create_task(keep_time(place), name="switch-time")
            try:
                yield calls, place
            finally:
                time.cancel()
                await asyncio.wait({time})


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
async def test_unanswered_outcomes(tmp_path: Path, seed: int | None) -> None:
    expected = {
        BUSY_FIRST: (CallStatus.BUSY, Disposition.BUSY),
        NO_ANSWER: (CallStatus.NO_ANSWER, Disposition.NO_ANSWER),
        UNALLOCATED: (CallStatus.UNALLOCATED, Disposition.UNREACHABLE),
        REJECTS: (CallStatus.REJECTED, Disposition.REJECTED),
        UNKNOWN: (CallStatus.UNALLOCATED, Disposition.UNREACHABLE),
    }
    async with both(tmp_path, seed) as (calls, place):
        tasks = await calls.start(*expected)
        await calls.wait_for_ends(len(expected))
        ended = [await calls.only_call(task) for task in tasks]
        assert {call.phone_number: (call.status, call.disposition) for call in ended} == expected
        await calls.wait_until_free()
        assert place.switch.calls() == ()


@pytest.mark.parametrize("seed", [None, 1, 2])
async def test_an_answered_call_with_keys_and_our_hangup(tmp_path: Path, seed: int | None) -> None:
    async with both(tmp_path, seed) as (calls, place):
        (task_id,) = await calls.start(BOOKS)
        call_id = await calls.wait_for_status(CallStatus.IN_PROGRESS)
        await place.peer.wait(lambda: place.peer.calls and place.peer.calls[0].call_id == call_id)
        await calls.media(call_id, "media_started")
        async with calls.bell.listen(channels.call_commands(call_id)) as voice:
            await calls.media(call_id, "send_dtmf", digits="42#", request_id="r")
            await next_message(voice, "dtmf_sent")
            await calls.media(call_id, "hangup", reason="completed")
            await place.peer.wait(lambda: place.peer.calls[0].closed)
            await calls.media(call_id, "media_ended", reason="completed")
        await calls.wait_for_ends()
        call = await calls.only_call(task_id)
        assert (call.status, call.end_reason) == (CallStatus.COMPLETED, "We ended the call (completed).")
        assert place.switch.calls() == ()


async def test_a_callee_who_hangs_up(tmp_path: Path) -> None:
    async with both(tmp_path) as (calls, place):
        (task_id,) = await calls.start(HANGS_UP)
        call_id = await calls.wait_for_status(CallStatus.IN_PROGRESS)
        await calls.media(call_id, "media_started")
        await place.peer.wait(lambda: place.peer.calls and place.peer.calls[0].closed)
        await calls.media(call_id, "media_ended", reason="closed")
        await calls.wait_for_ends()
        call = await calls.only_call(task_id)
        assert (call.status, call.end_reason) == (CallStatus.COMPLETED, "The other side hung up.")


async def test_an_orphan_on_the_switch_is_hung_up(tmp_path: Path) -> None:
    """The process died in mid-call and comes back: its channel goes, its row is closed."""
    async with both(tmp_path) as (calls, place):
        (task_id,) = await calls.start(BOOKS)
        call_id = await calls.wait_for_status(CallStatus.IN_PROGRESS)
        calls.ami._listeners._by_channel[str(call_id)].clear()  # its handler is deaf,
        calls.initiator._reconciler._held = tuple  # and nobody knows of it
        await calls.initiator.reconcile()
        await place.peer.wait(lambda: place.peer.calls and place.peer.calls[0].closed)
        await calls.wait_for_ends()
        call = await calls.only_call(task_id)
        assert call.status == CallStatus.LOST
        assert "interrupted" in (call.end_reason or "")
        calls.initiator._handlers[call_id].hang_up("over")
        await calls.wait_until_free()
