"""A callee is put through to a person, cold: the channel leaves our audio, and the call goes on without us."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from opendeep.common import channels
from opendeep.common.data_models import CallStatus
from tests.integration.calls_world import LIMITS, World, calls_world, next_message
from tests.unit.call_processor_service.fake_switch import FakeSwitch

NUMBER = "+12025550123"
SETTINGS: dict[str, Any] = {
    "asterisk_ami_host": "127.0.0.1",
    "asterisk_ami_secret": "unused",
    "transfer_targets": "reception=7001,sales=+12025550150",
}


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    async with FakeSwitch() as server:
        yield server


@asynccontextmanager
async def answered(folder: Path, switch: FakeSwitch, **settings: Any) -> AsyncIterator[tuple[World, UUID]]:
    async with calls_world(folder, switch, **{**SETTINGS, **settings}) as world:
        await world.start(NUMBER)
        call_id = await world.wait_for_status(CallStatus.IN_PROGRESS)
        await world.media(call_id, "media_started")
        yield world, call_id


async def asked(world: World, call_id: UUID, target: object, answer: str) -> dict[str, Any]:
    async with world.bell.listen(channels.call_commands(call_id)) as voice:
        await world.media(call_id, "transfer", target=target, request_id="r1")
        return dict((await next_message(voice, answer)).data)


async def looks(world: World, count: int) -> None:
    """Until the switch was asked that often more for its channels; nothing that was due can still be outstanding."""
    seen = len(world.switch.named("CoreShowChannels"))
    await world.switch.wait_for_action("CoreShowChannels", seen + count)


@pytest.mark.parametrize(("target", "extension"), [("reception", "7001"), ("sales", "+12025550150")])
async def test_the_call_goes_on_without_us(tmp_path: Path, switch: FakeSwitch, target: str, extension: str) -> None:
    async with answered(tmp_path, switch) as (world, call_id):
        told = await asked(world, call_id, target, "transferred")
        assert told["request_id"] == "r1"
        [redirect] = switch.named("Redirect")
        assert (redirect["Channel"], redirect["Context"], redirect["Exten"]) == (
            str(call_id),
            "opendeep-transfer",
            extension,
        )
        await world.media(call_id, "media_ended", reason="transferred")
        leg = {"DestUniqueid": "1700000000.7", "DestLinkedid": str(call_id), "DialStatus": "ANSWER"}
        switch.event("DialEnd", leg)
        assert (await world.wait_for_line("call.transfer_answered"))["data"] == {"target": target}
        await looks(world, 3)
        assert switch.named("Hangup") == []
        assert (await world.db.get_call_by_id(call_id)).live
        switch.callee_hangs_up(str(call_id))
        await world.wait_for_ends()
        call = await world.db.get_call_by_id(call_id)
        assert call.status is CallStatus.COMPLETED
        assert call.end_reason == f"The call went on with {target} and has ended."
        kinds = [line.kind for line in await world.timeline(call_id)]
        assert [kind for kind in kinds if "transfer" in kind] == ["call.transferred", "call.transfer_answered"]


async def test_our_audio_may_end_before_the_switch_answers(tmp_path: Path, switch: FakeSwitch) -> None:
    async with answered(tmp_path, switch) as (world, call_id):
        switch.unanswered.add("Redirect")
        await world.media(call_id, "transfer", target="reception", request_id="r1")
        redirect = await switch.wait_for_action("Redirect")
        await world.media(call_id, "media_ended", reason="line closed")
        await looks(world, 3)
        assert switch.named("Hangup") == []
        switch.send(f"Response: Success\r\nActionID: {redirect['ActionID']}\r\nMessage: ok\r\n\r\n".encode())
        await world.wait_for_line("call.transferred")
        await looks(world, 3)
        assert switch.named("Hangup") == []


async def test_a_person_who_does_not_pick_up_is_told(tmp_path: Path, switch: FakeSwitch) -> None:
    async with answered(tmp_path, switch) as (world, call_id):
        await asked(world, call_id, "reception", "transferred")
        await world.media(call_id, "media_ended", reason="transferred")
        switch.event("DialEnd", {"DestUniqueid": "17.7", "DestLinkedid": str(call_id), "DialStatus": "BUSY"})
        line = await world.wait_for_line("call.transfer_failed")
        assert line["detail"] == "reception could not be reached (busy)."


@pytest.mark.parametrize("target", ["boss", "7001", "+12025550150", "", None, "reception\r\nAction: Hangup"])
async def test_nobody_outside_the_list(tmp_path: Path, switch: FakeSwitch, target: object) -> None:
    async with answered(tmp_path, switch) as (world, call_id):
        told = await asked(world, call_id, target, "transfer_failed")
        assert "nobody of that name" in told["detail"]
        assert switch.named("Redirect") == []


async def test_in_test_mode_nobody_outside_is_called(tmp_path: Path, switch: FakeSwitch) -> None:
    async with answered(tmp_path, switch, app_test_mode=True) as (world, call_id):
        await asked(world, call_id, "sales", "transfer_failed")
        await asked(world, call_id, "reception", "transferred")
        assert [action["Exten"] for action in switch.named("Redirect")] == ["7001"]


async def test_a_refused_transfer_leaves_the_call_as_it_was(tmp_path: Path, switch: FakeSwitch) -> None:
    async with answered(tmp_path, switch) as (world, call_id):
        switch.refused["Redirect"] = "Channel does not exist"
        told = await asked(world, call_id, "reception", "transfer_failed")
        assert told["detail"] == "Channel does not exist"
        await world.media(call_id, "media_ended", reason="line closed")  # now the end of the audio is the end again
        await switch.wait_for_action("Hangup")
        await world.wait_for_ends()
        assert "went on" not in str((await world.db.get_call_by_id(call_id)).end_reason)


async def test_a_talk_with_a_person_has_an_end_too(tmp_path: Path, switch: FakeSwitch) -> None:
    limits = replace(LIMITS, attempt=replace(LIMITS.attempt, transferred_s=0.2))
    async with answered(tmp_path, switch, limits=limits) as (world, call_id):
        await asked(world, call_id, "reception", "transferred")
        await world.media(call_id, "media_ended", reason="transferred")
        await switch.wait_for_action("Hangup")
        await world.wait_for_ends()
        assert (await world.db.get_call_by_id(call_id)).end_reason == (
            "The call reached its longest duration and was ended."
        )
