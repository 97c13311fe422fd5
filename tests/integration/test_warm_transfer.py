"""A person is fetched for the callee, as the voice side does it: who hears what, who decides, and who goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from opendeep.audio_processing_service import briefing_line, warm_transfer
from opendeep.audio_processing_service.tool_ground import ToolLimits
from tests.integration.audio_realtime import FakeRealtime, fake_realtime
from tests.integration.audio_world import DTMF, HANG_UP, FakeAsterisk, MediaWorld, media_world, until
from tests.integration.test_call_tools import Talk, said_so_far, speech, talk
from tests.support.audio import mulaw_encode, tone, tone_ms

TARGETS = ToolLimits(transfer_targets=("reception", "sales"))
WISH = {"to": "reception", "briefing": "They ask for the bill of October."}
BRIEFING = mulaw_encode(tone(1_000.0, 400))
AI_WORDS = mulaw_encode(tone(440.0, 200))


@pytest_asyncio.fixture
async def voice() -> AsyncIterator[FakeRealtime]:
    async with fake_realtime() as fake:
        yield fake


class Fetching:
    """A call whose AI has asked for the reception; `sound_id` is the second line's."""

    def __init__(self, call: Talk, tool_id: str, command: dict[str, Any], told: str) -> None:
        self.call, self.world, self.session = call, call.world, call.session
        self.tool_id, self.command, self.told = tool_id, command, told
        self.sound_id = UUID(command["sound"])

    async def pick_up(self) -> FakeAsterisk:
        """The person's line, on which the briefing was heard once."""
        person = await self.world.connect(self.sound_id)
        await person.wait(lambda: tone_ms(b"".join(person.heard), 1_000.0) >= 350)
        return person

    async def decided(self) -> str | None:
        """What the telephony side was told."""
        command = await self.world.said("transfer_decided")
        assert command["request_id"] == self.command["request_id"]
        return command.get("why_not")

    async def confirm(self, kind: str, **data: Any) -> None:
        await self.world.tell(kind, request_id=self.command["request_id"], **data)

    async def output(self) -> dict[str, Any]:
        return await self.call.output(self.tool_id)

    def callee_heard(self, hz: float) -> int:
        """Milliseconds of this tone."""
        return tone_ms(b"".join(self.call.line.heard), hz)

    async def ai_speaks_again(self) -> None:
        """The response to the tool's output is heard by the callee."""
        await self.output()

        def asked() -> bool:
            last = self.session.received[-1]
            return last["type"] == "response.create" and "response" not in last

        await self.session.wait(asked)
        await self.session.speak("back", "I am sorry.", AI_WORDS)
        await self.call.line.wait(lambda: self.callee_heard(440.0) >= 150)


async def ready(world: MediaWorld, voice: FakeRealtime) -> Talk:
    """A call in which the AI has nothing more to say."""
    call = await talk(world, voice)
    await call.session.speak("w0", "One moment.", speech(60))
    return call


async def ask(call: Talk, number: int = 1, **wish: object) -> Fetching:
    tool_id = await call.ask("transfer_call", WISH | wish)
    told = await call.session.aside(BRIEFING, number)
    return Fetching(call, tool_id, await call.world.said("transfer"), told)


@asynccontextmanager
async def fetching(voice: FakeRealtime, tmp_path: Path) -> AsyncIterator[Fetching]:
    async with media_world(tmp_path, voice.url, tools=TARGETS) as world:
        yield await ask(await ready(world, voice))


async def test_a_person_is_told_and_takes_the_call(voice: FakeRealtime, tmp_path: Path) -> None:
    async with fetching(voice, tmp_path) as fetch:
        assert "They ask for the bill of October." in fetch.told
        assert fetch.command["target"] == "reception"
        person = await fetch.pick_up()
        fetch.call.line.speak(tone(700.0, 400))  # the callee, who is not heard by the person
        await fetch.call.line.wait(lambda: fetch.callee_heard(523.25) >= 200)
        person.send(DTMF, b"1")
        assert await fetch.decided() is None
        await fetch.call.line.hang_up()  # the callee's channel leaves us for the person's
        [handler] = fetch.world.server._handlers.values()
        await until(handler._over.is_set)
        await fetch.confirm("transferred")
        assert (await fetch.world.ended())["reason"] == "transferred"
        await person.closed.wait()
        assert fetch.callee_heard(1_000.0) == 0
        assert tone_ms(b"".join(person.heard), 700.0) == 0
        assert tone_ms(b"".join(person.heard), 523.25) == 0
        [line] = await fetch.world.events("call.tool")
        assert line.data["outcome"] == {"status": "transferred"}
        assert line.data["arguments"] == WISH
        assert [turn.text for turn in await fetch.world.turns() if turn.speaker.value == "ai"] == ["One moment."]


async def test_whoever_declines_is_left_alone_and_the_ai_goes_on(voice: FakeRealtime, tmp_path: Path) -> None:
    async with fetching(voice, tmp_path) as fetch:
        person = await fetch.pick_up()
        await fetch.session.callee_starts("u1", 0)
        await fetch.session.callee_stops("u1", 100, "Hello? Are you still there?")  # heard, and not answered now
        person.send(DTMF, b"2")
        assert "declined" in str(await fetch.decided())
        await fetch.confirm("transfer_failed", detail="dropped")
        output = await fetch.output()
        assert output["status"] == "declined"
        assert "reception does not take the call" in output["detail"]
        await person.closed.wait()
        assert HANG_UP in person.kinds
        await fetch.ai_speaks_again()
        assert fetch.callee_heard(1_000.0) == 0
        for mode in ("warm", "cold"):
            assert (await fetch.call.use("transfer_call", to="reception", mode=mode))["status"] == "refused"
            await fetch.session.speak(f"no-{mode}", "I cannot.", speech(40))
        again = await ask(fetch.call, 2, to="sales")  # somebody else may still want to
        await again.confirm("transfer_failed", detail="The line was busy.")
        assert (await again.output())["detail"].startswith("sales was not reached: The line was busy.")
        await fetch.call.line.hang_up()
        await fetch.world.ended()
        [turn] = [turn for turn in await fetch.world.turns() if turn.speaker.value == "callee"]
        assert turn.text == "Hello? Are you still there?"


async def test_nobody_answers_and_the_callee_is_spoken_to_again(voice: FakeRealtime, tmp_path: Path) -> None:
    async with fetching(voice, tmp_path) as fetch:
        await fetch.call.line.wait(lambda: fetch.callee_heard(523.25) >= 200)
        await fetch.confirm("transfer_failed", detail="Nobody answered.")
        output = await fetch.output()
        assert output["status"] == "failed"
        assert output["detail"].startswith("reception was not reached: Nobody answered. You are with the other side")
        await fetch.ai_speaks_again()
        late = await fetch.world.connect(fetch.sound_id)  # a line that comes too late gets in nowhere
        await late.closed.wait()
        assert fetch.world.server.counters["unknown_call"] == 1


async def test_a_person_who_hangs_up_has_not_taken_the_call(voice: FakeRealtime, tmp_path: Path) -> None:
    async with fetching(voice, tmp_path) as fetch:
        person = await fetch.pick_up()
        await person.hang_up()
        assert "hung up" in str(await fetch.decided())
        await fetch.confirm("transfer_failed", detail="They hung up.")
        assert "picked up and hung up again" in (await fetch.output())["detail"]
        await fetch.ai_speaks_again()


async def test_a_mailbox_presses_no_key(voice: FakeRealtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(briefing_line, "ROUNDS", 1)
    monkeypatch.setattr(briefing_line, "GAP_FRAMES", 5)
    async with fetching(voice, tmp_path) as fetch:
        person = await fetch.pick_up()
        assert "silent" in str(await fetch.decided())
        await fetch.confirm("transfer_failed", detail="dropped")
        assert "did not take the call" in (await fetch.output())["detail"]
        await person.closed.wait()


async def test_the_callee_does_not_wait_for_ever(
    voice: FakeRealtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_transfer, "REACH_S", 0.1)
    monkeypatch.setattr(warm_transfer, "DROP_S", 0.1)
    async with fetching(voice, tmp_path) as fetch:
        assert "called off" in str(await fetch.decided())  # and the telephony side is silent too
        assert "nobody took the call in time" in (await fetch.output())["detail"]
        await fetch.ai_speaks_again()


async def test_a_joining_that_fails_leaves_the_callee_with_the_ai(voice: FakeRealtime, tmp_path: Path) -> None:
    async with fetching(voice, tmp_path) as fetch:
        person = await fetch.pick_up()
        person.send(DTMF, b"1")
        assert await fetch.decided() is None
        await fetch.confirm("transfer_failed", detail="They hung up.")
        output = await fetch.output()
        assert (output["status"], output["detail"][:40]) == ("failed", "reception could not be joined: They hung")
        await person.closed.wait()
        await fetch.ai_speaks_again()
        await fetch.call.line.hang_up()
        assert (await fetch.world.ended())["reason"] == "line closed"


async def test_a_callee_who_hangs_up_leaves_nobody_on_the_second_line(voice: FakeRealtime, tmp_path: Path) -> None:
    async with fetching(voice, tmp_path) as fetch:
        person = await fetch.pick_up()
        await fetch.call.line.hang_up()
        assert (await fetch.world.ended())["reason"] == "line closed"
        await person.closed.wait()
        [line] = await fetch.world.events("call.tool")
        assert line.data["outcome"] == {"status": "cancelled"}


async def test_whoever_takes_the_call_over_calls_the_fetching_off(voice: FakeRealtime, tmp_path: Path) -> None:
    async with fetching(voice, tmp_path) as fetch:
        person = await fetch.pick_up()
        owner = {"user_id": str(fetch.world.call.user_id), "listener": "page"}
        await fetch.world.tell("listen", side="none", **owner)
        await fetch.world.tell("take_over", **owner)
        assert "called off" in str(await fetch.decided())
        await fetch.confirm("transfer_failed", detail="dropped")
        assert (await fetch.output())["status"] == "refused"
        await person.closed.wait()
        heard = len(fetch.call.line.heard)
        await fetch.call.line.wait(lambda: len(fetch.call.line.heard) >= heard + 160)
        assert tone_ms(b"".join(fetch.call.line.heard[heard:]), 523.25) == 0  # the line's voice is the user's


async def test_without_a_briefing_nobody_is_called(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, tools=TARGETS) as world:
        call = await ready(world, voice)
        tool_id = await call.ask("transfer_call", WISH)
        asked = await call.session.received_event("response.create", event_id="aside-1")
        await call.session.begin_response("a1", metadata=asked["response"]["metadata"])
        await call.session.end_response("a1", "failed")
        output = await call.output(tool_id)
        assert output["status"] == "failed"
        assert "could not be told who is calling" in output["detail"]
        assert "transfer" not in await said_so_far(world)


async def test_a_briefing_that_comes_too_late_is_not_heard_by_the_callee(
    voice: FakeRealtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_transfer, "SPEAK_S", 0.1)
    async with media_world(tmp_path, voice.url, tools=TARGETS) as world:
        call = await ready(world, voice)
        output = await call.use("transfer_call", **WISH)
        assert "did not speak in time" in output["detail"]
        await call.session.aside(BRIEFING)
        await call.session.speak("w1", "I am sorry.", AI_WORDS)
        await call.line.wait(lambda: tone_ms(b"".join(call.line.heard), 440.0) >= 200)
        assert tone_ms(b"".join(call.line.heard), 1_000.0) == 0


async def test_nobody_is_rung_for_ever(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, tools=TARGETS) as world:
        call = await ready(world, voice)
        for number in range(1, 4):
            fetch = await ask(call, number, briefing=f"Try {number}.")
            await fetch.confirm("transfer_failed", detail="Nobody answered.")
            assert (await fetch.output())["status"] == "failed"
            await call.session.speak(f"w{number}", "I am sorry.", speech(40))
        assert (await call.use("transfer_call", **WISH))["status"] == "refused"
        assert (await call.use("transfer_call", to="reception", mode="tepid"))["status"] == "error"


async def test_a_second_line_has_room_for_one(voice: FakeRealtime, tmp_path: Path) -> None:
    async with fetching(voice, tmp_path) as fetch:
        await fetch.pick_up()
        second = await fetch.world.connect(fetch.sound_id)
        await second.closed.wait()
        assert fetch.world.server.counters["second_connection"] == 1
