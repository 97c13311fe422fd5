"""A person is fetched for a callee on a real Asterisk: both phones say what they heard, by content."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from opendeep.audio_processing_service.audio_socket_server import AudioSocketServer
from opendeep.audio_processing_service.openai_realtime_client import OpenAIRealtimeClient
from opendeep.audio_processing_service.realtime_protocol import RealtimeSettings
from opendeep.audio_processing_service.ticker import Ticker
from opendeep.audio_processing_service.tool_ground import ToolLimits
from opendeep.audio_processing_service.voice_services import VoiceServices
from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.asterisk_ami_client import AmiAddress
from opendeep.common.campaign_plan import brief_for
from opendeep.common.clock import SystemClock
from opendeep.common.data_models import CallStatus
from tests.e2e.test_calls_on_asterisk import NUMBER, OTHER_NUMBER, REAL_LIMITS, TEMPLATES, TRANSFERS
from tests.integration.audio_realtime import FakeSession, fake_realtime
from tests.integration.calls_world import NODE, World, calls_world
from tests.support.asterisk import RealAsterisk, free_port
from tests.support.audio import mulaw_encode, tone, tone_ms
from tests.support.callees import Callees
from tests.support.database import sample_plan
from tests.support.sip_callee import RecordingCallee
from tests.unit.call_processor_service.fake_switch import FakeSwitch

pytestmark = pytest.mark.asterisk

BRIEFING_HZ, CALLEE_HZ, PERSON_HZ, AI_HZ, COMFORT_HZ = 1_000.0, 700.0, 1_200.0, 440.0, 523.25
DEADLINE_S = 60.0


@dataclass
class Fetching:
    """An answered call whose AI has asked for a person."""

    world: World
    task_id: UUID
    session: FakeSession
    callee: RecordingCallee

    async def output(self) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            items = [event.get("item", {}) for event in self.session.received]
            return next((item for item in items if item.get("call_id") == "c1"), None)

        item: dict[str, Any] = await self.session.wait(found, DEADLINE_S)
        output: dict[str, Any] = orjson.loads(item["output"])
        return output

    async def ai_speaks_again(self) -> None:
        await self.session.speak("r2", "I am sorry.", mulaw_encode(tone(AI_HZ, 600)))
        await hears(self.callee, AI_HZ, 700)

    async def nobody_is_left(self) -> None:
        await self.world.wait_for_ends()
        await self.world.wait_until_free()
        listed = await self.world.ami.send_list_action(ami_action.core_show_channels())
        assert [event for event in listed if event.name == "CoreShowChannel"] == []


async def until(reached: Callable[[], bool]) -> None:
    """RTP has no event of its own."""
    async with asyncio.timeout(DEADLINE_S):
        while not reached():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def hears(phone: RecordingCallee, hz: float, ms: int) -> None:
    await until(lambda: tone_ms(phone.received(), hz) >= ms)


@contextlib.asynccontextmanager
async def live_voice(world: World, url: str, port: int) -> AsyncIterator[None]:
    """The voice side of the node, beside the telephony side that the world has."""
    settings = RealtimeSettings(url, "a-model", "marin", "a-transcriber")
    services = VoiceServices(
        db=world.db,
        bell=world.bell,
        clock=SystemClock(),
        ticker=Ticker(),
        realtime=lambda on_event, on_end: OpenAIRealtimeClient(settings, on_event, on_end),
        settings=settings,
        tools=ToolLimits(transfer_targets=tuple(world.config.transfer_places)),
    )
    server = AudioSocketServer("127.0.0.1", port, NODE, services)
    task = asyncio.create_task(server.run(), name="audiosocket-server")
    try:
        await asyncio.wait_for(server.started.wait(), DEADLINE_S)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def fetching(
    asterisk: RealAsterisk, callee: RecordingCallee, folder: Path, template: str, to: str = "desk"
) -> AsyncIterator[Fetching]:
    port = free_port()
    document = sample_plan([NUMBER])
    async with (
        fake_realtime() as voice,
        calls_world(
            folder,
            FakeSwitch(),
            address=AmiAddress(asterisk.ami_host, asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret),
            audiosocket=("127.0.0.1", port),
            limits=REAL_LIMITS,
            asterisk_channel_template=template,
            asterisk_extension_template=RealAsterisk.extension_template,
            originate_timeout_ms=5_000,
            **TRANSFERS,
        ) as world,
        live_voice(world, voice.url, port),
    ):
        brief = brief_for(document, document.tasks[0]).model_dump(mode="json")
        (task_id,) = await world.start(NUMBER, brief=brief)
        await world.wait_for_status(CallStatus.IN_PROGRESS)
        session = await voice.session()
        await session.begun()
        await session.speak("r1", "One moment.", mulaw_encode(tone(AI_HZ, 200)))
        await session.call_tool("r1", "c1", "transfer_call", {"to": to, "briefing": "They ask for the bill."})
        assert "They ask for the bill." in await session.aside(mulaw_encode(tone(BRIEFING_HZ, 1_500)))
        yield Fetching(world, task_id, session, callee)


@pytest.mark.parametrize("who_ends", ["desk", "callee"])
@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
async def test_a_person_hears_the_briefing_and_takes_the_callee_over(
    real_asterisk: RealAsterisk, callees: Callees, tmp_path: Path, template: str, who_ends: str
) -> None:
    callee, desk = await callees.phone(NUMBER), await callees.phone("7000")
    async with fetching(real_asterisk, callee, tmp_path, template) as fetch:
        await desk.answered.wait()
        callee.play(tone(CALLEE_HZ, 1_000))
        await hears(desk, BRIEFING_HZ, 1_400)
        await hears(callee, COMFORT_HZ, 160)
        assert tone_ms(desk.received(), CALLEE_HZ) == 0
        desk.press("1")
        await fetch.world.wait_for_line("call.transfer_answered")
        callee.play(tone(CALLEE_HZ, 2_000))
        desk.play(tone(PERSON_HZ, 2_000))
        await hears(desk, CALLEE_HZ, 1_500)
        await hears(callee, PERSON_HZ, 1_500)
        assert tone_ms(callee.received(), BRIEFING_HZ) == 0
        await fetch.world.initiator.reconcile()  # finds nothing to hang up
        assert not callee.ended.is_set()
        assert not desk.ended.is_set()
        first, second = (desk, callee) if who_ends == "desk" else (callee, desk)
        await first.hang_up()
        await second.ended.wait()
        await fetch.nobody_is_left()
        call = await fetch.world.only_call(fetch.task_id)
        assert (call.status, call.end_reason) == (CallStatus.COMPLETED, "The call went on with desk and has ended.")
        assert callee.ended.is_set()  # and was not dialled again: an INVITE would have cleared it


async def test_a_person_declines_and_the_ai_speaks_again(
    real_asterisk: RealAsterisk, callees: Callees, tmp_path: Path
) -> None:
    callee, desk = await callees.phone(NUMBER), await callees.phone("7000")
    async with fetching(real_asterisk, callee, tmp_path, RealAsterisk.channel_template) as fetch:
        await hears(desk, BRIEFING_HZ, 500)
        desk.press("2")
        await desk.ended.wait()
        assert (await fetch.output())["status"] == "declined"
        await fetch.ai_speaks_again()
        assert not callee.ended.is_set()
        await callee.hang_up()
        await fetch.nobody_is_left()
        call = await fetch.world.only_call(fetch.task_id)
        assert "went on" not in str(call.end_reason)


async def test_whoever_is_busy_leaves_the_callee_with_the_ai(
    real_asterisk: RealAsterisk, callees: Callees, tmp_path: Path
) -> None:
    callee = await callees.phone(NUMBER)
    await callees.sipp(OTHER_NUMBER, "reject", status="486 Busy Here")
    async with fetching(real_asterisk, callee, tmp_path, RealAsterisk.channel_template, to="sales") as fetch:
        assert "The line was busy." in (await fetch.output())["detail"]
        await fetch.ai_speaks_again()
        await callee.hang_up()
        await fetch.nobody_is_left()


@pytest.mark.parametrize("answers", [True, False])
async def test_a_callee_who_hangs_up_leaves_no_second_line(
    real_asterisk: RealAsterisk, callees: Callees, tmp_path: Path, answers: bool
) -> None:
    callee = await callees.phone(NUMBER)
    desk = await callees.phone("7000", answer_after_s=0.2 if answers else None)
    async with fetching(real_asterisk, callee, tmp_path, RealAsterisk.channel_template) as fetch:
        await (desk.answered if answers else desk.invited).wait()
        await callee.hang_up()
        await desk.ended.wait()
        await fetch.nobody_is_left()
