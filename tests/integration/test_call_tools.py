"""The tools of a live call at the Realtime wire: what is asked for right, wrong, twice, and too slowly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
import pytest_asyncio

from opendeep.audio_processing_service import switch_tools
from opendeep.audio_processing_service.tool_ground import ToolLimits
from opendeep.common.call_facts import CALLBACK_PROMISED, DO_NOT_CALL, RESULT_RECORDED
from opendeep.common.data_models import CallEvent, CallStatus
from tests.integration.audio_realtime import FakeRealtime, FakeSession, fake_realtime
from tests.integration.audio_world import FakeAsterisk, MediaWorld, mark, media_world, until
from tests.support.audio import mulaw_encode, tone

TARGETS = ToolLimits(transfer_targets=("reception", "sales"))
QUESTIONS = [
    {"key": "slot_ok", "ask": "Does Tuesday at ten work?", "type": "yes_no"},
    {"key": "drink", "ask": "Tea or coffee?", "type": "choice", "options": ["tea", "coffee"], "required": False},
    {"key": "people", "ask": "How many?", "type": "number"},
    {"key": "day", "ask": "Which day?", "type": "date"},
]


@pytest_asyncio.fixture
async def voice() -> AsyncIterator[FakeRealtime]:
    async with fake_realtime() as fake:
        yield fake


def speech(ms: int) -> bytes:
    return mulaw_encode(tone(440.0, ms)).replace(b"\xff", b"\xfe")


class Talk:
    """One answered call; `use` lets the model call a tool and gives what came back."""

    def __init__(self, world: MediaWorld, session: FakeSession, line: FakeAsterisk) -> None:
        self.world, self.session, self.line = world, session, line
        self._number = 0

    async def ask(self, tool: str, arguments: object) -> str:
        self._number += 1
        call_id = f"c{self._number}"
        await self.session.call_tool("r1", call_id, tool, arguments)
        return call_id

    async def output(self, call_id: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            items = [event["item"] for event in self.session.received if event["type"] == "conversation.item.create"]
            return next((item for item in items if item.get("call_id") == call_id), None)

        item: dict[str, Any] = await self.session.wait(found)
        output: dict[str, Any] = orjson.loads(item["output"])
        return output

    async def use(self, tool: str, **arguments: object) -> dict[str, Any]:
        return await self.output(await self.ask(tool, arguments))

    async def callee_says(self, item: str, words: str) -> None:
        await self.session.callee_starts(item, 0)
        await self.session.callee_stops(item, 100, words)

    async def facts(self, kind: str) -> list[CallEvent]:
        """After the end of the call, when all rows are written."""
        await self.line.hang_up()
        await self.world.ended()
        return await self.world.events(kind)


async def talk(world: MediaWorld, voice: FakeRealtime) -> Talk:
    line = await world.answer()
    session = await voice.session()
    await session.begun()
    return Talk(world, session, line)


async def said_so_far(world: MediaWorld) -> list[str]:
    """The types of the messages on the call's channel that nobody has read yet."""
    await world.tell("probe")
    types: list[str] = []
    while "probe" not in types:
        message = await world.channel.next()
        assert message is not None
        types.append(message.data["type"])
    return types


async def test_every_tool_that_is_offered_exists_and_checks_its_arguments(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, tools=TARGETS, lookups=Directory()) as world:
        call = await talk(world, voice)
        offered = (await call.session.received_event("session.update", 2))["session"]["tools"]
        assert len(offered) == 10
        checked_elsewhere = dict.fromkeys(("search_internet", "get_authoritative_business_info"), "found")
        expected = checked_elsewhere | {"stop_recording": "ok"}  # which takes none
        for tool in offered:
            output = await call.output(await call.ask(tool["name"], [["nonsense"]]))
            assert output["status"] == expected.get(tool["name"], "error")
            assert "There is no tool" not in output.get("detail", "")


# -- no more calls


async def test_a_refusal_is_on_the_list_before_the_model_hears_of_it(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        call = await talk(world, voice)
        await call.callee_says("u1", "Please never call me again.")
        output = await call.use("mark_do_not_call", words="Please never call me again.")
        assert output["status"] == "ok"
        assert "opt_out" in output["detail"]
        async with world.db.read() as work:
            entry = await work.dnd.match(world.call.user_id, world.call.campaign_id, "+12025550101")
        assert entry is not None
        assert (entry.source, entry.call_id) == ("call", world.call.id)
        assert "Please never call me again." in entry.reason
        assert (await call.use("mark_do_not_call", words="I said never."))["status"] == "ok"
        [fact] = await call.facts(DO_NOT_CALL)
        assert fact.data == {"words": "Please never call me again.", "turn": 1}


async def test_the_threshold_of_users_makes_a_number_global(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, tools=ToolLimits(global_dnd_threshold=1)) as world:
        call = await talk(world, voice)
        await call.use("mark_do_not_call", words="no more")
        async with world.db.read() as work:
            found = await work.dnd.of_numbers(["+12025550101"], [])
        assert [entry.scope.value for entry in found["+12025550101"]] == ["GLOBAL"]


async def test_a_refusal_without_words_is_none(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        call = await talk(world, voice)
        assert (await call.use("mark_do_not_call"))["status"] == "error"
        assert (await call.use("mark_do_not_call", words=" "))["status"] == "error"
        assert await call.facts(DO_NOT_CALL) == []


# -- another time


async def test_a_call_back_is_promised_in_the_callees_zone_and_the_last_word_counts(
    voice: FakeRealtime, tmp_path: Path
) -> None:
    async with media_world(tmp_path, voice.url, number="+442079460000") as world:
        call = await talk(world, voice)
        await call.callee_says("u1", "tomorrow at three")
        first = await call.use("schedule_callback", words="tomorrow at three")
        assert first["status"] == "ok"
        assert first["local_time"].endswith(" at 15:00")
        await call.use("schedule_callback", words="tomorrow at 3 pm")  # the same
        second = await call.use("schedule_callback", words="no, tomorrow at half past four")
        assert second["local_time"].endswith(" at 16:30")
        facts = await call.facts(CALLBACK_PROMISED)
        assert [fact.data["words"] for fact in facts] == ["tomorrow at three", "no, tomorrow at half past four"]
        at = datetime.fromisoformat(facts[-1].data["at"])
        assert at.utcoffset() == UTC.utcoffset(None)
        local = at.astimezone(ZoneInfo("Europe/London"))
        assert (local.hour, local.minute, facts[-1].data["zone"]) == (16, 30, "Europe/London")
        assert facts[-1].data["turn"] == 1
        told = (await call.session.received_event("session.update", 2))["session"]["instructions"]
        assert '"timezone":"Europe/London"' in told  # what the model was told is what the tool goes by


@pytest.mark.parametrize("words", ["later", "when pigs fly", "yesterday", "in 99999999 weeks"])
async def test_no_time_asks_for_a_clearer_one(voice: FakeRealtime, tmp_path: Path, words: str) -> None:
    async with media_world(tmp_path, voice.url) as world:
        call = await talk(world, voice)
        output = await call.use("schedule_callback", words=words)
        assert output["status"] == "unclear"
        assert "Ask them" in output["detail"]
        assert (await call.use("schedule_callback", words=""))["status"] == "error"
        assert await call.facts(CALLBACK_PROMISED) == []


# -- answers


async def test_answers_are_taken_by_their_type_and_the_last_word_counts(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, questions=QUESTIONS) as world:
        call = await talk(world, voice)
        assert (await call.use("record_result", key="slot_ok", value=True))["still_open"] == ["people", "day"]
        assert (await call.use("record_result", key="drink", value="TEA"))["value"] == "tea"
        await call.callee_says("u1", "we are four")
        assert (await call.use("record_result", key="people", value=4, words="we are four"))["value"] == "4"
        assert (await call.use("record_result", key="people", value=1))["value"] == "1"
        assert (await call.use("record_result", key="people", value="1.0"))["value"] == "1"
        assert (await call.use("record_result", key="day", value="2026-11-24"))["still_open"] == []
        facts = await call.facts(RESULT_RECORDED)
        assert [(fact.data["key"], fact.data["value"]) for fact in facts] == [
            ("slot_ok", "yes"),
            ("drink", "tea"),
            ("people", "4"),
            ("people", "1"),
            ("day", "2026-11-24"),
        ]
        assert [fact.data["turn"] for fact in facts] == [None, None, 1, 1, 1]
        assert facts[2].data["words"] == "we are four"


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        ({"key": "budget", "value": "1"}, "slot_ok, drink, people, day"),
        ({"key": "slot_ok", "value": "perhaps"}, "yes or no"),
        ({"key": "drink", "value": "milk"}, "tea, coffee"),
        ({"key": "people", "value": "four"}, "a number"),
        ({"key": "people", "value": ["4"]}, "value"),
        ({"key": "day", "value": "next Tuesday"}, "2026-11-24"),
        ({"key": "day"}, "value"),
    ],
)
async def test_a_wrong_answer_is_told_what_is_allowed(
    voice: FakeRealtime, tmp_path: Path, arguments: dict[str, object], allowed: str
) -> None:
    async with media_world(tmp_path, voice.url, questions=QUESTIONS) as world:
        call = await talk(world, voice)
        output = await call.use("record_result", **arguments)
        assert output["status"] == "error"
        assert allowed in output["detail"]
        assert await call.facts(RESULT_RECORDED) == []


# -- look-ups


class Directory:
    """What the composition root hands in, driven by the test."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.answer = asyncio.Event()
        self.answer.set()

    async def call(self, name: str, arguments: Any) -> dict[str, Any]:
        self.asked.append((name, arguments))
        await self.answer.wait()
        return {"status": "found", "text": "The bridge is open.", "sources": [], "matches": None}


async def test_a_look_up_is_made_once_for_the_same_question(voice: FakeRealtime, tmp_path: Path) -> None:
    directory = Directory()
    async with media_world(tmp_path, voice.url, lookups=directory) as world:
        call = await talk(world, voice)
        offered = (await call.session.received_event("session.update", 2))["session"]["tools"]
        assert {"search_internet", "get_authoritative_business_info"} <= {tool["name"] for tool in offered}
        directory.answer.clear()
        first = await call.ask("search_internet", {"query": "is the bridge open"})
        second = await call.ask("search_internet", {"query": "is the bridge open"})  # while the first runs
        other = await call.ask("search_internet", {"query": "and the tunnel"})
        directory.answer.set()
        assert (await call.output(first))["text"] == "The bridge is open."
        assert (await call.output(second))["repeated"] is True
        assert (await call.output(other))["status"] == "found"
        assert [arguments["query"] for _, arguments in directory.asked] == ["is the bridge open", "and the tunnel"]
        lines = await call.facts("call.tool")
        assert [line.data["name"] for line in lines] == ["search_internet"] * 3


async def test_without_a_directory_nothing_can_be_looked_up(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        call = await talk(world, voice)
        assert "There is no tool" in (await call.use("search_internet", query="x"))["detail"]


async def test_a_slow_tool_is_bridged_once_and_then_answered(voice: FakeRealtime, tmp_path: Path) -> None:
    directory = Directory()
    directory.answer.clear()
    async with media_world(tmp_path, voice.url, lookups=directory) as world:
        call = await talk(world, voice)
        await call.session.begin_response("r1")
        look_up = await call.ask("search_internet", {"query": "is the bridge open"})
        await call.session.end_response("r1")
        bridge = await call.session.received_event("response.create", 2)
        assert bridge["response"]["tool_choice"] == "none"
        assert "One moment" in bridge["response"]["instructions"]
        await call.session.speak("r2", "One moment please.", speech(100))
        heard = len(call.line.heard)
        await call.line.wait(lambda: len(call.line.heard) >= heard + 80)  # 1.6 s more of silence
        assert len([e for e in call.session.received if e["type"] == "response.create"]) == 2
        directory.answer.set()
        assert (await call.output(look_up))["text"] == "The bridge is open."
        last = await call.session.received_event("response.create", 3)
        assert "response" not in last


async def test_keys_and_questions_are_not_bridged(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        call = await talk(world, voice)
        await call.session.speak("r1", "Hello.", speech(60))
        await call.ask("send_dtmf", {"digits": "1"})
        await call.ask("request_user_feedback", {"question": "Is the water off?"})
        heard = len(call.line.heard)
        await call.line.wait(lambda: len(call.line.heard) >= heard + 100)
        creates = [event for event in call.session.received if event["type"] == "response.create"]
        assert not [event for event in creates if "response" in event]


# -- menus


async def test_a_menu_that_comes_again_and_again_is_given_up(voice: FakeRealtime, tmp_path: Path) -> None:
    menu = "thank you for calling city clinic for appointments press one for billing press two"
    async with media_world(tmp_path, voice.url) as world:
        call = await talk(world, voice)
        for number in range(1, 3):
            await call.callee_says(f"u{number}", menu)
            pressing = await call.ask("send_dtmf", {"digits": str(number)})
            command = await world.said("send_dtmf")
            await world.tell("dtmf_sent", request_id=command["request_id"])
            assert (await call.output(pressing))["status"] == "sent"
        await call.callee_says("u3", menu)
        output = await call.use("send_dtmf", digits="3")
        assert output == {"status": "refused", "detail": "The same menu came 3 times. Give up on it and end the call."}


# -- to a person


async def test_a_callee_is_put_through_once_our_words_are_out(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, tools=TARGETS) as world:
        call = await talk(world, voice)
        offered = (await call.session.received_event("session.update", 2))["session"]["tools"]
        [tool] = [tool for tool in offered if tool["name"] == "transfer_call"]
        assert tool["parameters"]["properties"]["to"]["enum"] == ["reception", "sales"]
        await call.session.speak("r1", "I put you through to the reception.", speech(400), done=False)
        transfer = await call.ask("transfer_call", {"to": "reception", "mode": "cold"})
        await call.session.end_response("r1")
        command = await world.said("transfer")
        assert len(call.line.loud()) == 20  # all that we had to say
        assert command == {"type": "transfer", "request_id": command["request_id"], "target": "reception"}
        [handler] = world.server._handlers.values()
        await call.line.hang_up()  # the channel leaves us,
        await until(handler._over.is_set)
        await world.tell("transferred", request_id=command["request_id"])  # and only then we hear of it
        assert (await world.ended())["reason"] == "transferred"
        [line] = await world.events("call.tool")
        assert line.data["outcome"] == {"status": "transferred"}
        assert transfer == "c1"


async def test_a_transfer_that_fails_goes_back_to_the_conversation(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url, tools=TARGETS) as world:
        call = await talk(world, voice)
        await call.session.speak("r1", "One moment.", speech(60))
        for number in (1, 2):  # what failed may be tried again
            transfer = await call.ask("transfer_call", {"to": "sales", "mode": "cold"})
            command = await world.said("transfer")
            await world.tell("transfer_failed", request_id=command["request_id"], detail="No such extension.")
            assert await call.output(transfer) == {"status": "failed", "detail": "No such extension."}
            await call.session.received_event("response.create", number + 1)
            await call.session.speak(f"a{number}", "I am sorry.", speech(60))
        await call.line.hang_up()
        assert (await world.ended())["reason"] == "line closed"


async def test_a_callee_stays_with_the_user_who_takes_over_before_a_transfer(
    voice: FakeRealtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch_tools, "WORDS_S", 0.5)
    async with media_world(tmp_path, voice.url, tools=TARGETS) as world:
        call = await talk(world, voice)
        await call.session.speak("r1", "I put you through to the reception.", speech(5_000), done=False)
        transfer = await call.ask("transfer_call", {"to": "reception", "mode": "cold"})
        await call.line.wait(lambda: len(call.line.loud()) >= 5)
        owner = {"user_id": str(world.call.user_id), "listener": "page"}
        await world.tell("listen", side="none", **owner)
        await world.tell("take_over", **owner)
        assert (await call.output(transfer))["status"] == "refused"
        assert "transfer" not in await said_so_far(world)


@pytest.mark.parametrize("to", ["+4915112345678", "7000", "Reception", "", "reception\r\nAction: Hangup"])
async def test_nobody_outside_the_list_is_reached(voice: FakeRealtime, tmp_path: Path, to: str) -> None:
    async with media_world(tmp_path, voice.url, tools=TARGETS) as world:
        call = await talk(world, voice)
        assert (await call.use("transfer_call", to=to))["status"] == "error"
        assert "transfer" not in await said_so_far(world)


# -- the database is away


async def test_a_refusal_outlives_a_database_that_is_away(voice: FakeRealtime, tmp_path: Path) -> None:
    async with media_world(tmp_path, voice.url) as world:
        call = await talk(world, voice)
        async with world.db.transaction():  # SQLite takes one writer at a time
            output = await call.use("mark_do_not_call", words="no more calls")
            assert output["status"] == "ok"
        await call.line.hang_up()
        await world.ended()
        await mark(world, CallStatus.COMPLETED)
        async with world.db.read() as work:
            assert await work.dnd.match(world.call.user_id, world.call.campaign_id, "+12025550101") is not None
