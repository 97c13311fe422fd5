"""Events that the loop was too slow for: the calls are compared with the switch, and end as they would have."""

from pathlib import Path

import pytest

from opendeep.call_processor_service import ami_action
from opendeep.common.data_models import CallStatus
from tests.integration.calls_world import World, calls_world, logged
from tests.unit.call_processor_service.fake_switch import FakeSwitch, packet

NUMBER = "+12025550123"


async def lose(world: World, switch: FakeSwitch, events: bytes) -> None:
    """Let these events meet a full queue."""
    connection = world.ami._connection
    assert connection is not None
    before, connection._capacity = connection._capacity, 0
    with logged("ami.events_lost") as lost:
        switch.send(events)
        assert (await world.ami.send_action(ami_action.ping())).ok
        await lost.wait()
    connection._capacity = before


@pytest.mark.parametrize(
    ("on_switch", "expected"), [(None, CallStatus.LOST), (6, CallStatus.IN_PROGRESS)], ids=["hangup", "answer"]
)
async def test_a_lost_event_is_asked_for(tmp_path: Path, on_switch: int | None, expected: CallStatus) -> None:
    """A call that rings: the event that decides is dropped, and nothing but the question would tell it in time."""
    async with FakeSwitch() as switch, calls_world(tmp_path, switch) as world:
        switch.default_plan = "ring"
        (task_id,) = await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.RINGING)
        headers = {"Uniqueid": str(call_id), "Linkedid": str(call_id)}
        if on_switch is None:
            del switch.channels[str(call_id)]
            await lose(world, switch, packet({"Event": "Hangup", **headers, "Cause": 17}))
            await world.wait_for_ends()
            assert (await world.only_call(task_id)).hangup_cause is None
            await world.wait_until_free()
        else:
            switch.channels[str(call_id)] = on_switch
            await lose(world, switch, packet({"Event": "Newstate", **headers, "ChannelState": on_switch}))
            assert await world.wait_for_status(CallStatus.IN_PROGRESS) == call_id
        assert (await world.only_call(task_id)).status == expected
        assert world.ami.events_dropped == 1
        assert world.ami.snapshot()["events_dropped"] == 1
