"""Three trunks on a real Asterisk: one that pjsip.conf does not have, one whose carrier is gone, one that works."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from opendeep.call_processor_service.asterisk_ami_client import AmiAddress
from opendeep.common.data_models import CallStatus, Task, TaskStatus
from opendeep.common.trunk_values import BreakerState
from tests.integration.calls_world import LIMITS, World, calls_world
from tests.support.asterisk import RealAsterisk, free_port
from tests.support.audiosocket_wire import WireAudioSocket
from tests.support.callees import Callees
from tests.unit.call_processor_service.fake_switch import FakeSwitch

pytestmark = pytest.mark.asterisk

NUMBERS = [f"+4930123456{n}" for n in range(70, 75)]
GONE = """
[gone](opendeep-trunk)
aors = gone

[gone]
type = aor
contact = sip:127.0.0.1:{port}
"""
TRUNKS = """
trunks:
  missing:
    channel: PJSIP/{number}@nowhere
    max_calls: 5
    calls_per_second: 50
  gone:
    channel: PJSIP/{digits}@gone
    max_calls: 1
    calls_per_second: 50
  works:
    channel: PJSIP/{number}@trunk
    max_calls: 5
    calls_per_second: 50
    countries: [DE]
    caller_ids: ["+4930123456", "+4989123456"]
    caller_name: Praxis Keller
"""


async def send_back_to_the_queue(world: World, tasks: list[Task]) -> None:
    """What the analyser and the scheduler do with a call that failed by its line."""
    async with world.db.transaction() as work:
        for task in tasks:
            await work.tasks.transition(task.id, TaskStatus.SCHEDULED, "Once more.")
            await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "Its turn has come.")


async def test_calls_overflow_from_dead_trunks_to_the_one_that_works(
    tmp_path: Path, wire_audio: WireAudioSocket
) -> None:
    (tmp_path / "trunks.yaml").write_text(TRUNKS)
    limits = replace(LIMITS, attempt=replace(LIMITS.attempt, channel_s=3.0, settle_s=1.0, hangup_s=1.0))
    async with RealAsterisk() as asterisk, Callees(asterisk) as callees:
        await asterisk.configure_pjsip(GONE.format(port=free_port()))
        for number in NUMBERS:
            await callees.sipp(number, "reject", status="486 Busy Here")
        async with calls_world(
            tmp_path,
            FakeSwitch(),
            address=AmiAddress(asterisk.ami_host, asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret),
            audiosocket=("127.0.0.1", wire_audio.port),
            limits=limits,
            trunks_file=tmp_path / "trunks.yaml",
            originate_timeout_ms=2_000,  # the carrier that is gone says nothing at all
        ) as world:
            ids = await world.start(*NUMBERS)
            await world.wait_for_ends(len(NUMBERS))
            while failed := [t for t in [await world.task(i) for i in ids] if not t.attempts]:
                await send_back_to_the_queue(world, failed)
                await world.wait_for_ends(len(NUMBERS))
            calls = [call for task_id in ids for call in await world.calls_of(task_id)]
            async with world.db.read() as work:
                states = await work.trunks.states()
    by_trunk = Counter((call.trunk, call.status) for call in calls)
    assert by_trunk == {("gone", CallStatus.CONGESTION): 3, ("works", CallStatus.BUSY): len(NUMBERS)}
    assert {name: state.breaker.state for name, state in states.items()} == {
        "missing": BreakerState.OPEN, "gone": BreakerState.OPEN, "works": BreakerState.CLOSED
    }  # fmt: skip
    assert "Asterisk has no endpoint “nowhere”" in (states["missing"].breaker.reason or "")
    shown = Counter(call.caller_id for call in calls if call.trunk == "works")
    assert sorted(shown.values()) == [2, 3]
