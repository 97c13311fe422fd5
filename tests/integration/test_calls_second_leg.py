"""A person is fetched for the callee, as the telephony side does it: the second line, its end, and what it counts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from opendeep.call_processor_service import second_leg
from opendeep.call_processor_service.second_leg import call_of_leg, leg_of_call
from opendeep.common import channels
from opendeep.common.data_models import CallStatus
from opendeep.common.redis_client import Subscription
from tests.integration.calls_world import World, calls_world, next_message
from tests.integration.test_calls_transfer import NUMBER, SETTINGS, looks, switch
from tests.unit.call_processor_service.fake_switch import FakeSwitch

__all__ = ["switch"]
SALES = "+12025550150"


class Fetch:
    """An answered call whose voice side asks for a person."""

    def __init__(self, world: World, call_id: UUID, voice: Subscription) -> None:
        self.world, self.switch, self.call_id, self.voice = world, world.switch, call_id, voice
        self.sound = str(uuid4())
        self.asked = 0

    @property
    def leg(self) -> str:
        return leg_of_call(self.call_id, self.asked)

    async def ask(self, target: str = "reception", sound: object = None) -> None:
        self.asked += 1
        data = {"target": target, "sound": sound or self.sound, "request_id": f"r{self.asked}"}
        await self.world.media(self.call_id, "transfer", **data)

    async def decide(self, **data: Any) -> None:
        await self.world.media(self.call_id, "transfer_decided", request_id=f"r{self.asked}", **data)

    async def told(self, kind: str) -> dict[str, Any]:
        message = await next_message(self.voice, kind)
        assert message.data["request_id"] == f"r{self.asked}"
        return dict(message.data)

    async def lines_on(self, trunk: str) -> int:
        async with self.world.db.read() as work:
            return (await work.trunks.live_lines()).by_trunk.get(trunk, 0)

    async def kinds(self) -> list[str]:
        return [line.kind for line in await self.world.timeline(self.call_id) if "transfer" in line.kind]

    async def join(self) -> None:
        """The person takes the call, and the switch says that the callee has entered their bridge."""
        await self.decide()
        await self.switch.wait_for_action("Redirect")
        self.switch.event("BridgeEnter", {"Uniqueid": self.call_id, "Linkedid": self.call_id})
        await self.told("transferred")


@asynccontextmanager
async def fetch(folder: Path, switch: FakeSwitch, **settings: Any) -> AsyncIterator[Fetch]:
    async with calls_world(folder, switch, **{**SETTINGS, **settings}) as world:
        await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
        await world.media(call_id, "media_started")
        async with world.bell.listen(channels.call_commands(call_id)) as voice:
            yield Fetch(world, call_id, voice)


async def test_a_person_takes_the_callee_over(tmp_path: Path, switch: FakeSwitch) -> None:
    async with fetch(tmp_path, switch) as call:
        await call.ask()
        await call.world.wait_for_line("call.transfer_briefed")
        second = switch.named("Originate")[1]
        assert (second["Channel"], second["ChannelId"]) == ("PJSIP/7001", call.leg)
        assert second["Data"].partition(",")[0] == call.sound
        assert second["Variable"] == f"CALL_ATTEMPT_ID={call.call_id}"
        assert switch.named("Redirect") == []
        await call.decide()
        redirect = await switch.wait_for_action("Redirect")
        [told] = switch.named("Setvar")
        assert (told["Channel"], told["Variable"], told["Value"]) == (
            call.leg,
            "OPENDEEP_CALLEE",
            f"PJSIP/x-{str(call.call_id)[-4:]}",
        )
        assert (redirect["Channel"], redirect["Context"], redirect["Exten"]) == (call.leg, "opendeep-transfer", "join")
        await call.world.media(call.call_id, "media_ended", reason="line closed")  # before the switch has said so
        await looks(call.world, 3)
        assert switch.named("Hangup") == []
        switch.event("BridgeEnter", {"Uniqueid": call.call_id, "Linkedid": call.call_id})
        await call.told("transferred")
        await call.world.wait_for_line("call.transfer_answered")
        switch.callee_hangs_up(str(call.call_id))
        await call.world.wait_for_ends()
        row = await call.world.db.get_call_by_id(call.call_id)
        assert (row.status, row.end_reason) == (
            CallStatus.COMPLETED,
            "The call went on with reception and has ended.",
        )
        assert await call.kinds() == [
            "call.transfer_dialled",
            "call.transfer_briefed",
            "call.transferred",
            "call.transfer_answered",
        ]
        assert (await switch.wait_for_action("Hangup"))["Channel"] == call.leg  # nobody stays on the second line


async def test_a_person_who_hangs_up_ends_the_call(tmp_path: Path, switch: FakeSwitch) -> None:
    async with fetch(tmp_path, switch) as call:
        await call.ask()
        await call.world.wait_for_line("call.transfer_briefed")
        await call.join()
        switch.callee_hangs_up(call.leg)
        assert (await switch.wait_for_action("Hangup"))["Channel"] == str(call.call_id)
        await call.world.wait_for_ends()


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        ("busy", "The line was busy."),
        ("no_answer", "Nobody answered."),
        ("refuse", "Permission denied"),
        ("no_endpoint", "The switch could not place the call; check the trunk."),
    ],
)
async def test_whoever_is_not_reached_leaves_the_call_as_it_was(
    tmp_path: Path, switch: FakeSwitch, plan: str, why: str
) -> None:
    switch.plans["7001"] = plan
    async with fetch(tmp_path, switch) as call:
        await call.ask()
        assert (await call.told("transfer_failed"))["detail"] == why
        switch.plans.clear()
        await call.ask()  # and may be called again
        await call.world.wait_for_line("call.transfer_briefed")
        assert (await call.world.db.get_call_by_id(call.call_id)).live


async def test_whoever_does_not_want_the_call_is_hung_up(tmp_path: Path, switch: FakeSwitch) -> None:
    async with fetch(tmp_path, switch) as call:
        await call.ask()
        await call.world.wait_for_line("call.transfer_briefed")
        await call.world.media(call.call_id, "transfer_decided", request_id="another")  # says nothing about this one
        await call.decide(why_not="It was declined.")
        assert (await call.told("transfer_failed"))["detail"] == "It was declined."
        assert [action["Channel"] for action in switch.named("Hangup")] == [call.leg]
        assert switch.named("Redirect") == []
        await call.world.media(call.call_id, "media_ended", reason="line closed")
        await call.world.wait_for_ends()  # the end of the audio is the end


async def test_a_callee_who_hangs_up_stops_the_ringing(tmp_path: Path, switch: FakeSwitch) -> None:
    switch.plans["7001"] = "ring"
    async with fetch(tmp_path, switch) as call:
        await call.ask()
        await switch.wait_for_action("Originate", 2)
        async with call.world.db.transaction():  # whether or not the database takes the end of the call
            switch.callee_hangs_up(str(call.call_id))
            assert (await switch.wait_for_action("Hangup"))["Channel"] == call.leg
        await call.world.wait_for_ends()


async def test_the_end_of_the_handler_is_the_end_of_the_second_line(tmp_path: Path, switch: FakeSwitch) -> None:
    switch.plans["7001"] = "ring"
    async with fetch(tmp_path, switch) as call:
        await call.ask()
        await switch.wait_for_action("Originate", 2)
        await call.world.initiator.drain(0.0)
        assert {action["Channel"] for action in switch.named("Hangup")} == {str(call.call_id), call.leg}


@pytest.mark.parametrize("lost", ["Setvar", "Redirect"])
async def test_a_joining_that_is_refused_leaves_the_callee(tmp_path: Path, switch: FakeSwitch, lost: str) -> None:
    switch.refused[lost] = "Channel does not exist"
    async with fetch(tmp_path, switch) as call:
        await call.ask()
        await call.world.wait_for_line("call.transfer_briefed")
        await call.decide()
        assert (await call.told("transfer_failed"))["detail"] == "Channel does not exist"
        assert [action["Channel"] for action in switch.named("Hangup")] == [call.leg]
        await call.world.media(call.call_id, "media_ended", reason="line closed")
        await call.world.wait_for_ends()
        assert "went on" not in str((await call.world.db.get_call_by_id(call.call_id)).end_reason)


async def test_a_person_who_never_decides_is_hung_up(
    tmp_path: Path, switch: FakeSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_leg, "DECIDE_S", 0.2)  # the voice side has died
    async with fetch(tmp_path, switch) as call:
        await call.ask()
        assert "did not decide" in (await call.told("transfer_failed"))["detail"]
        assert [action["Channel"] for action in switch.named("Hangup")] == [call.leg]


@pytest.mark.parametrize("joined", [True, False])
async def test_where_the_event_is_lost_the_list_of_channels_decides(
    tmp_path: Path, switch: FakeSwitch, monkeypatch: pytest.MonkeyPatch, joined: bool
) -> None:
    monkeypatch.setattr(second_leg, "JOIN_S", 0.1)
    async with fetch(tmp_path, switch) as call:
        await call.ask()
        await call.world.wait_for_line("call.transfer_briefed")
        if joined:
            switch.linked[call.leg] = str(call.call_id)
        await call.decide()
        if joined:
            await call.told("transferred")
            assert switch.named("Hangup") == []
        else:
            assert "did not connect" in (await call.told("transfer_failed"))["detail"]
            assert [action["Channel"] for action in switch.named("Hangup")] == [call.leg]


async def test_a_second_line_waits_for_the_pace_of_its_trunk(tmp_path: Path, switch: FakeSwitch) -> None:
    async with fetch(tmp_path, switch, trunk_calls_per_second=2.0) as call:
        await call.ask("sales")
        await call.world.wait_for_line("call.transfer_briefed")


async def test_a_second_line_over_a_trunk_counts_there(tmp_path: Path, switch: FakeSwitch) -> None:
    async with fetch(tmp_path, switch, trunk_max_calls=2) as call:
        assert await call.lines_on("trunk") == 1
        await call.ask("sales")
        await call.world.wait_for_line("call.transfer_briefed")
        second = switch.named("Originate")[1]
        assert second["Channel"] == f"PJSIP/{SALES}@trunk"
        assert await call.lines_on("trunk") == 2
        await call.decide(why_not="no")
        await call.told("transfer_failed")
        assert await call.lines_on("trunk") == 1
        await call.ask("sales")
        await call.world.wait_for_line("call.transfer_briefed")
        await call.join()
        assert await call.lines_on("trunk") == 2
        switch.callee_hangs_up(str(call.call_id))
        await call.world.wait_for_ends()
        assert await call.lines_on("trunk") == 0


async def test_a_full_trunk_is_not_exceeded(tmp_path: Path, switch: FakeSwitch) -> None:
    async with fetch(tmp_path, switch, trunk_max_calls=1, max_calls_per_tenant=1) as call:
        await call.ask("sales")
        assert "lines of the trunk “trunk” are busy" in (await call.told("transfer_failed"))["detail"]
        assert len(switch.named("Originate")) == 1
        await call.ask()  # within our own switch there is always room
        await call.world.wait_for_line("call.transfer_briefed")


async def test_one_person_at_a_time_and_only_by_an_id(tmp_path: Path, switch: FakeSwitch) -> None:
    switch.plans["7001"] = "ring"
    async with fetch(tmp_path, switch) as call:
        await call.ask(sound="nonsense")
        assert "cannot be read" in (await call.told("transfer_failed"))["detail"]
        await call.ask()
        await switch.wait_for_action("Originate", 2)
        await call.ask()
        assert "under way" in (await call.told("transfer_failed"))["detail"]
        assert len(switch.named("Originate")) == 2


async def test_a_second_line_without_a_handler_is_hung_up(tmp_path: Path, switch: FakeSwitch) -> None:
    """As after a killed process: a live call's is left alone, that of a call which has ended is not."""
    async with fetch(tmp_path, switch) as call:
        await call.ask()
        await call.world.wait_for_line("call.transfer_briefed")
        await call.world.initiator.reconcile()
        assert switch.named("Hangup") == []
        switch.callee_hangs_up(str(call.call_id))
        await call.world.wait_for_ends()
        await call.world.wait_until_free()
        before = len(switch.named("Hangup"))
        switch.channels[call.leg] = 6
        await switch.wait_for_action("Hangup", before + 1)  # on the reconciler's own clock
        assert switch.named("Hangup")[-1]["Channel"] == call.leg


def test_a_second_line_names_its_call() -> None:
    call_id = uuid4()
    assert call_of_leg(leg_of_call(call_id, 3)) == call_id
    for stranger in (str(call_id), f"warm-{call_id}", f"warm1-{call_id}x", "warm1-", "1700000000.7", f"{call_id};2"):
        assert call_of_leg(stranger) is None
