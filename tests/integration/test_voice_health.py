"""While the voice AI cannot be talked to, nobody is called: learnt from calls, mended by a probe, told by the bell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from opendeep.audio_processing_service.voice_services import CallTimes
from opendeep.common import channels
from opendeep.common.channels import VOICE_UNAVAILABLE
from opendeep.common.data_models import CallStatus, Disposition, TaskStatus
from tests.integration.audio_realtime import FakeRealtime, fake_realtime
from tests.integration.audio_world import API_KEY, MediaWorld, media_world, until
from tests.integration.calls_world import calls_world
from tests.support.audio import mulaw_encode, tone
from tests.unit.call_processor_service.fake_switch import FakeSwitch

FAST_TIMES = CallTimes(reopen_s=1.0, farewell_s=1.0, farewell_quiet_s=0.2, line_close_s=0.5)
NUMBER = "+12025550123"


@pytest_asyncio.fixture
async def voice() -> AsyncIterator[FakeRealtime]:
    async with fake_realtime() as fake:
        yield fake


async def until_resumed(world: MediaWorld) -> None:
    """The probe works and rings for whoever starts calls."""
    async with world.bell.listen(channels.TASKS_QUEUED) as rings:
        while world.server.voice_paused_because() is not None:
            async with asyncio.timeout(60):
                await rings.next()


# -- the media side


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "refuses the key (HTTP 401); check OPENAI_API_KEY"),
        (403, "refuses the key (HTTP 403)"),
        (404, "does not know “a-model” (HTTP 404); check OPENAI_REALTIME_MODEL"),
    ],
)
async def test_a_refusal_while_it_rings_ends_the_call_before_anybody_picks_up(
    voice: FakeRealtime, tmp_path: Path, status: int, words: str
) -> None:
    voice.status = status
    async with media_world(tmp_path, voice.url, times=FAST_TIMES) as world:
        await world.expect()
        await world.tell("ringing")
        assert (await world.said("hangup"))["reason"] == VOICE_UNAVAILABLE
        reason = world.server.voice_paused_because() or ""
        assert words in reason
        assert API_KEY not in reason
        await until(lambda: not world.server.live_calls)
        asked = voice.asked
        voice.status = None
        await until_resumed(world)
        session = await voice.session()
        await session.closed.wait()
        assert (voice.asked, session.received, bytes(session.audio)) == (asked + 1, [], b"")  # it cost nothing


async def test_an_absent_voice_ai_ends_an_answered_call_and_pauses(voice: FakeRealtime, tmp_path: Path) -> None:
    voice.status = 503
    async with media_world(tmp_path, voice.url, times=FAST_TIMES) as world:
        await world.answer()
        assert (await world.ended())["reason"] == VOICE_UNAVAILABLE
        assert world.server.voice_paused_because() == "The voice AI cannot be reached: HTTP 503."
        assert voice.asked >= 3
        voice.status = None
        await until_resumed(world)


async def test_an_error_instead_of_a_session_is_told_by_its_code(voice: FakeRealtime, tmp_path: Path) -> None:
    voice.first_error = "model_not_found"
    async with media_world(tmp_path, voice.url, times=FAST_TIMES) as world:
        await world.expect()
        await world.tell("ringing")
        await world.said("hangup")
        assert world.server.voice_paused_because() == "The voice AI refused the session (model_not_found)."


async def test_an_account_without_credit_opens_sessions_and_pauses_dialling(
    voice: FakeRealtime, tmp_path: Path
) -> None:
    async with media_world(tmp_path, voice.url, times=FAST_TIMES) as world:
        await world.answer()
        session = await voice.session()
        await session.begun()
        await session.begin_response("r1")
        error = {"type": "failed", "error": {"type": "insufficient_quota", "code": "insufficient_quota"}}
        await session.end_response("r1", "failed", status_details=error)
        await until(world.server.voice_paused_because)
        assert (await world.ended())["reason"] == VOICE_UNAVAILABLE


async def test_a_mistake_in_one_conversation_stops_no_other(voice: FakeRealtime, tmp_path: Path) -> None:
    """Instructions that the server refuses are this campaign's trouble."""
    async with media_world(tmp_path, voice.url, times=FAST_TIMES) as world:
        await world.answer()
        session = await voice.session()
        await session.begun()
        error = {"type": "invalid_request_error", "code": "string_above_max_length", "event_id": "session-full"}
        await session.send("error", error=error)
        assert (await world.ended())["reason"] == "provider_failed"
        assert world.server.voice_paused_because() is None


async def test_a_call_in_which_we_spoke_is_no_unheard_one(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, times=FAST_TIMES) as world:
        line = await world.answer()
        session = await voice.session()
        await session.begun()
        await session.speak("r1", "Hello.", mulaw_encode(tone(440, 60)).replace(b"\xff", b"\xfe"))
        await line.wait(lambda: len(line.loud()) >= 3 and not any(line.heard[-1]))
        voice.status = 503
        await session.socket.close()
        assert (await world.ended())["reason"] == "provider_failed"


# -- the telephony side


@pytest.mark.parametrize("answered", [True, False])
async def test_an_unheard_call_is_forgiven_but_not_for_ever(tmp_path: Path, answered: bool) -> None:
    async with FakeSwitch() as switch, calls_world(tmp_path, switch) as world:
        switch.default_plan = "answer" if answered else "ring"
        (task_id,) = await world.start(NUMBER)
        for number in range(1, 8):
            call_id = await world.wait_for_status(CallStatus.IN_PROGRESS if answered else CallStatus.RINGING)
            if answered:
                await world.media(call_id, "media_started")
                await world.media(call_id, "media_ended", reason=VOICE_UNAVAILABLE)
            await world.media(call_id, "hangup", reason=VOICE_UNAVAILABLE)
            await world.wait_for_ends()
            call = (await world.calls_of(task_id))[-1]
            assert call.disposition == Disposition.FAILED
            if answered:
                assert call.status == CallStatus.FAILED
                assert "voice AI could not be reached" in (call.end_reason or "")
            assert (await world.task(task_id)).attempts == max(0, number - 5)
            await world.wait_until_free()
            async with world.db.transaction() as work:
                await work.tasks.transition(task_id, TaskStatus.SCHEDULED, "Again.")
                await work.tasks.transition(task_id, TaskStatus.QUEUED_FOR_CALL, "Its turn has come.")
