"""Calls that are held word for word, over the real media side, the local Realtime server and real speech.

The voice of all other calls is a scripted socket in both tests: it must never hear of these calls.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from opendeep.audio_processing_service.voices import NO_SERVER, SCRIPTED_MODEL, scripted_voice
from opendeep.common.call_facts import RESULT_RECORDED
from opendeep.common.campaign_plan import TaskBrief, brief_for, derive_script
from opendeep.common.errors import ProviderRefused
from opendeep.config.app_config import AppConfig
from opendeep.offline.server import OfflineServer
from opendeep.offline.speech import Recognition, SpeechEngineFault, SpeechEngineMissing, SpeechEngines
from opendeep.post_call_analyzer_service.analysis_case import read_case
from opendeep.post_call_analyzer_service.citations import check_findings
from opendeep.simulation import SimulatedSwitch
from tests.integration.audio_realtime import FakeRealtime, fake_realtime
from tests.integration.audio_world import DTMF, FakeAsterisk, MediaWorld, media_world
from tests.support import services
from tests.support.ami_wire import WireAmi
from tests.support.database import sample_plan

CONVERSATION_DEADLINE_S = 120.0
QUESTION = {"key": "slot_ok", "ask": "Does Tuesday at ten work for you?", "type": "yes_no"}
SHORT: dict[str, Any] = {
    "engine": "scripted",
    "disclosure": "An AI for Maria.",
    "opening": "About the boiler.",
    "questions": [{"key": "people", "ask": "How many people?", "type": "number"}],
}


@pytest_asyncio.fixture
async def engines() -> AsyncIterator[SpeechEngines]:
    try:
        async with SpeechEngines(workers=1) as found:
            yield found
    except SpeechEngineMissing as error:
        services.require("speech engines", available=False, reason=str(error))


@asynccontextmanager
async def scripted_world(
    tmp_path: Path, engines: SpeechEngines, **plan: Any
) -> AsyncIterator[tuple[MediaWorld, FakeRealtime]]:
    async with (
        fake_realtime() as others,
        OfflineServer(engines=engines, text_routes=()) as local,
        media_world(tmp_path, others.url, scripted=local.base_url, timezone="America/New_York", **plan) as world,
    ):
        yield world, others


async def proved(world: MediaWorld) -> dict[str, tuple[str, str]]:
    """What the analyser takes of the recorded answers: value and the callee's words that prove it."""
    async with world.db.read() as work:
        case = await read_case(work, await work.tasks.get(world.call.user_id, world.call.task_id))
    assert case is not None
    kept = check_findings(case.recorded, case.brief.questions, case.turns).kept
    return {key: (finding.value, finding.quote) for key, finding in kept.items()}


@pytest.mark.natural_voice
async def test_a_whole_call_is_held_by_its_script_and_its_answer_is_proved(
    engines: SpeechEngines, tmp_path: Path
) -> None:
    plan = sample_plan(["+12025550101"], engine="scripted", questions=[QUESTION])
    script = derive_script(plan)
    switch = SimulatedSwitch(
        synthesizer=engines.synthesizer, recognizer=engines.recognizer, username="test", secret="secret"
    )
    await switch.start()
    try:
        async with (
            scripted_world(tmp_path, engines, engine="scripted", questions=[QUESTION]) as (world, others),
            WireAmi(*switch.ami_address, "test", "secret") as ami,
        ):
            await world.expect()
            await ami.originate(
                f"Local/{world.call.phone_number}@opendeep-out/n", str(world.call.id), world.server.port
            )
            await world.tell("ringing")
            ended = await world.ended(CONVERSATION_DEADLINE_S)
            turns = await world.turns()
            said = " ".join(turn.text for turn in turns if turn.speaker.value == "ai")
            assert f"{script.disclosure} {script.purpose} {script.questions[0].ask}" in said
            assert said.endswith(script.farewell)
            assert ended["reason"] == "completed"
            value, quote = (await proved(world))["slot_ok"]
            assert value == "yes"
            assert quote in {turn.text for turn in turns if turn.speaker.value == "callee"}
            row = await world.row()
            assert (row.usage["model"], row.usage["script"]) == (SCRIPTED_MODEL, script.version)
            assert others.sessions == []
    finally:
        await switch.stop()


class CrashingRecognizer:
    """A speech engine that fails for every utterance."""

    name = "crashing"

    async def recognize(
        self, pcm: bytes, *, sample_rate: int = 8000, expects: str = "any", hints: tuple[str, ...] = ()
    ) -> Recognition:
        raise SpeechEngineFault("the speech recogniser died")


async def said_so_far(world: MediaWorld, line: FakeAsterisk, words: str) -> None:
    """Wait until a turn of ours with these words was played to its end."""

    async def spoken() -> bool:
        ours = [turn for turn in await world.turns() if turn.speaker.value == "ai" and words in turn.text]
        return any(turn.ended_ms > turn.started_ms for turn in ours)

    while not await spoken():
        heard = len(line.heard)
        await line.wait(lambda heard=heard: len(line.heard) > heard + 10, CONVERSATION_DEADLINE_S)  # type: ignore[misc]


async def test_a_recogniser_that_crashes_in_mid_call_leaves_the_keys(engines: SpeechEngines, tmp_path: Path) -> None:
    async with scripted_world(tmp_path, engines, **SHORT) as (world, others):
        answer = await engines.synthesizer.synthesize("there will be four people")
        line = await world.answer()
        await said_so_far(world, line, "How many people?")
        engines.recognizer = CrashingRecognizer()
        line.speak(answer + bytes(2 * 8_000))
        await said_so_far(world, line, "Please say only the number.")
        line.send(DTMF, b"1")
        line.send(DTMF, b"2")
        await said_so_far(world, line, "I have noted: 12.")
        line.send(DTMF, b"1")
        ended = await world.ended(CONVERSATION_DEADLINE_S)
        assert ended["reason"] == "completed"
        assert await proved(world) == {"people": ("12", "pressed 12")}
        [recorded] = await world.events(RESULT_RECORDED)
        assert recorded.data["value"] == "12"
        assert others.sessions == []


async def test_without_the_local_server_a_script_has_no_voice(tmp_path: Path) -> None:
    plan = sample_plan(["+12025550101"], engine="scripted")
    assert TaskBrief.model_validate(brief_for(plan, plan.tasks[0]).model_dump(mode="json")).script is not None
    async with fake_realtime() as others, media_world(tmp_path, others.url) as world:
        freely = world.server._services.settings
        voice = scripted_voice(AppConfig(_env_file=None), freely)  # type: ignore[call-arg]
        assert voice is not None
        with pytest.raises(ProviderRefused, match="SCRIPTED_BASE_URL"):
            await voice.make(lambda _: None, lambda _: None).connect()
        assert voice.settings.api_key is None
        assert NO_SERVER.endswith(".")
        assert world.server.voice_paused_because() is None
        same = AppConfig(_env_file=None, scripted_base_url=freely.url.removesuffix("/realtime").replace("ws:", "http:"))  # type: ignore[call-arg]
        assert scripted_voice(same, freely) is None


async def test_while_the_local_voice_is_away_nobody_is_called_to_hear_nothing(tmp_path: Path) -> None:
    async with fake_realtime() as others, media_world(tmp_path, others.url, scripted="http://127.0.0.1:9/v1") as world:
        voices = world.server._services
        assert voices.scripted is not None
        voices.scripted.breaker.failed(ProviderRefused("The local voice is away."))
        assert world.server.voice_paused_because() == "The local voice is away."
        assert voices.breaker.paused_because() is None
        voices.scripted.breaker.resume()
        assert world.server.voice_paused_because() is None
