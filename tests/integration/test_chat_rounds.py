"""Rounds of the chat as they happen: events, stopping, what is kept, and earlier calls as a source of numbers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from opendeep.common.campaign_plan import UNPROVEN_SOURCE
from opendeep.common.data_models import User
from opendeep.common.errors import Conflict
from opendeep.llm_integrations.openai_form_client import OpenAIFormClient
from opendeep.task_manager.assistant_round import TEXT, TEXT_RESET, WAITING, ChatRound, RoundEvent
from opendeep.task_manager.ui_assistant_svc import AssistantSettings, UIAssistantService
from tests.support.database import World, add_campaign, add_user, make_world, sample_plan, sqlite_url
from tests.support.minds import Answer, ScriptedProvider, offline_minds, streamed, tool_call
from tests.support.web_world import NoTools

TIMEOUT_MS = 60_000
DEADLINE_S = 60.0
PATIENCE_S = 60.0
SETTINGS = AssistantSettings("US", ("7000",), "America/New_York")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await make_world(sqlite_url(tmp_path))
    yield world
    await world.db.close()


@pytest.fixture
async def user(world: World) -> User:
    return await add_user(world.db)


@asynccontextmanager
async def assistant_over(world: World, url: str) -> AsyncIterator[UIAssistantService]:
    llm = OpenAIFormClient("key", url, "model", TIMEOUT_MS)
    service = UIAssistantService(world.db, llm, NoTools(), SETTINGS, world.clock)
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield service
    finally:
        await service.stop()
        await llm.close()


@asynccontextmanager
async def scripted(world: World, *answers: Answer) -> AsyncIterator[tuple[UIAssistantService, ScriptedProvider]]:
    provider = ScriptedProvider(list(answers))
    async with provider.serving() as url, assistant_over(world, url) as assistant:
        yield assistant, provider


def answer(message: str, **more: Any) -> str:
    return orjson.dumps({"message": message, "form": None, "campaign_plan": None} | more).decode()


async def called_anna(world: World, user: User) -> None:
    task = {"contact_name": "Anna Meyer", "phone_number": "+12025550101"}
    await add_campaign(world.db, user.id, sample_plan([], tasks=[task]))


async def until_said(going: ChatRound, text: str) -> list[RoundEvent]:
    """The events until this much was said."""
    events = []
    async for event in going.events(PATIENCE_S):
        events.append(event)
        if "".join(e.data["text"] for e in events if e.kind == TEXT) == text:
            return events
    raise AssertionError(f"the round ended after {events}")


async def test_steps_and_words_are_told_as_they_happen(world: World, user: User) -> None:
    await called_anna(world, user)
    calls = [tool_call("a", "find_contacts", '{"name": "Anna"}'), tool_call("b", "find_earlier_tasks", "{}")]
    asked = streamed([], calls=calls)
    said = streamed(['{"message": "Shall I call ', 'Anna?", "form": null, "campaign_plan": null}'])
    async with scripted(world, asked, said) as (assistant, _):
        going = await assistant.begin(user.id, None, "Whom did I call?")
        events = [event async for event in going.events(PATIENCE_S)]
        reply = await going.reply()
    kinds = [event.kind for event in events]
    assert kinds[:2] == ["tool_started", "tool_started"]
    assert sorted(kinds[2:4]) == ["tool_finished", "tool_finished"]
    assert "".join(event.data["text"] for event in events if event.kind == TEXT) == "Shall I call Anna?"
    assert events[0].data == {"id": "a", "name": "find_contacts", "arguments": {"name": "Anna"}}
    assert [step["result"]["status"] for step in reply.tool_steps] == ["found", "found"]
    assert reply.message == "Shall I call Anna?"


async def test_stopping_ends_the_request_and_keeps_what_was_said(world: World, user: User) -> None:
    gate = asyncio.Event()
    slow = streamed(['{"message": "I will call ', gate, 'nobody."}'])
    async with scripted(world, slow, streamed([answer("Again.")])) as (assistant, provider):
        going = await assistant.begin(user.id, None, "Call somebody")
        await until_said(going, "I will call ")
        going.stop()
        following = await assistant.begin(user.id, going.chat_id, "Well?")  # waits for the end of the stopped one
        reply = await going.reply()
        await slow.left.wait()
        assert (reply.stopped, reply.message) == (True, "I will call ")
        assert (await following.reply()).message == "Again."
        shown = await assistant.history(user.id, going.chat_id)
        assert [(m["role"], m["content"], m.get("stopped")) for m in shown] == [
            ("user", "Call somebody", None),
            ("assistant", "I will call ", True),
            ("user", "Well?", None),
            ("assistant", "Again.", None),
        ]
    replayed = provider.requests[1]["messages"]
    assert orjson.loads(replayed[2]["content"])["message"] == "I will call "


async def test_what_was_looked_up_until_the_stop_is_kept_too(world: World, user: User) -> None:
    await called_anna(world, user)
    gate = asyncio.Event()
    asked = streamed([], calls=[tool_call("a", "find_contacts", '{"name": "Anna"}')])
    async with scripted(world, asked, streamed(['{"message": "So', gate])) as (assistant, _):
        going = await assistant.begin(user.id, None, "Call Anna")
        await until_said(going, "So")
        going.stop()
        reply = await going.reply()
    assert reply.stopped
    assert reply.tool_steps[0]["result"]["matches"][0]["phone_number"] == "+12025550101"


async def test_a_round_that_is_stopped_at_once_is_kept_as_stopped(world: World, user: User) -> None:
    async with scripted(world, streamed([answer("Never.")])) as (assistant, provider):
        going = await assistant.begin(user.id, None, "Call somebody")
        going.stop()
        going.stop()
        reply = await going.reply()
        assert (reply.stopped, reply.message) == (True, "")
    assert provider.requests == []


async def test_a_caller_that_is_cancelled_stops_the_round(world: World, user: User) -> None:
    gate = asyncio.Event()
    slow, second = (streamed(['{"message": "Well', gate]) for _ in range(2))
    async with scripted(world, slow, second) as (assistant, _):
        first = await assistant.begin(user.id, None, "first")
        await until_said(first, "Well")
        first.stop()
        await first.ended()
        caller = asyncio.create_task(assistant.chat(user.id, first.chat_id, "second"), name="caller")
        await second.begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await assistant.stop()
        shown = await assistant.history(user.id, first.chat_id)
    assert [m.get("stopped") for m in shown] == [None, True, None, True]


async def test_a_message_while_another_is_answered_is_refused(world: World, user: User) -> None:
    gate = asyncio.Event()
    async with scripted(world, streamed(['{"message": "Well', gate])) as (assistant, _):
        going = await assistant.begin(user.id, None, "Call somebody")
        with pytest.raises(Conflict):
            await assistant.begin(user.id, going.chat_id, "Hurry")


async def test_a_slow_listener_gets_longer_pieces() -> None:
    going = ChatRound(UUID(int=1))
    for piece in ("a", "b", "c"):
        going.said(piece)
    going.unsaid()
    going.unsaid()
    for piece in ("d", "e"):
        going.said(piece)
    events = going.events(PATIENCE_S)
    told = [await anext(events) for _ in range(3)]
    assert [(event.kind, event.data.get("text")) for event in told] == [(TEXT, "abc"), (TEXT_RESET, None), (TEXT, "de")]
    assert going.text == "de"


async def test_silence_is_told() -> None:
    going = ChatRound(UUID(int=1))
    assert (await anext(going.events(0.01))).kind == WAITING


# -- known numbers, and what was answered already


def plan(number: str) -> dict[str, Any]:
    return {"objective": "Confirm.", "tasks": [{"contact_name": "Anna Meyer", "phone_number": number}]}


@pytest.mark.parametrize(("number", "proven"), [("+12025550101", True), ("+12025550199", False)])
async def test_a_number_of_an_earlier_task_is_proven_another_is_not(
    world: World, user: User, number: str, proven: bool
) -> None:
    await called_anna(world, user)
    asked = streamed([], calls=[tool_call("a", "find_contacts", '{"name": "Anna"}')])
    proposed = streamed([answer("Here.", campaign_plan=plan(number))])
    async with scripted(world, asked, proposed) as (assistant, _):
        reply = await assistant.chat(user.id, None, "Call Anna Meyer again")
    assert reply.plan is not None
    assert (reply.plan["tasks"][0]["source"] == UNPROVEN_SOURCE) is not proven
    assert reply.plan_valid is proven


async def test_what_was_answered_is_not_asked_again(world: World, user: User) -> None:
    def form(*labels: str) -> dict[str, Any]:
        return {"title": "", "fields": [{"name": f"f{n}", "label": label} for n, label in enumerate(labels)]}

    first, same, other = form("When?", "Why?"), form("when? ", "Why?"), form("At which hour?", "Why?")
    answers = [streamed([answer("?", form=wanted)]) for wanted in (first, same, other)]
    async with scripted(world, *answers) as (assistant, _):
        chat = (await assistant.chat(user.id, None, "Call somebody")).chat_id
        again = await assistant.chat(user.id, chat, "", {"f0": "Tuesday", "f1": " "})
        assert again.form is not None
        assert [field["label"] for field in again.form["fields"]] == ["Why?"]
        differently = await assistant.chat(user.id, chat, "", {"f1": "Because"})
        assert differently.form is not None
        assert [field["label"] for field in differently.form["fields"]] == ["At which hour?"]


# -- the offline minds


FORM = {"call_window": "any time", "voicemail": "hang up", "max_attempts": "2", "retry_minutes": "5"}


async def test_the_offline_minds_find_who_was_called_before_and_what_came_of_it(world: World, user: User) -> None:
    await called_anna(world, user)
    async with offline_minds() as url, assistant_over(world, url) as assistant:
        wish = "Call Anna Meyer again and ask whether Tuesday at ten works for the boiler inspection"
        first = await assistant.chat(user.id, None, wish)
        assert [step["name"] for step in first.tool_steps] == ["find_contacts"]
        assert first.form is not None
        second = await assistant.chat(user.id, first.chat_id, "", FORM)
        assert second.plan_valid, second.problems
        assert second.plan is not None
        assert second.plan["tasks"][0]["phone_number"] == "+12025550101"
        third = await assistant.chat(user.id, first.chat_id, "make it Thursday")
        assert third.plan_valid
        assert third.plan is not None
        assert third.plan["questions"][0]["ask"] == (
            "Could you tell me whether Thursday at ten works for the boiler inspection?"
        )
        past = await assistant.chat(user.id, first.chat_id, "What happened with Anna Meyer?")
        assert [step["name"] for step in past.tool_steps] == ["find_earlier_tasks"]
        assert past.message.startswith("From your earlier tasks: Anna Meyer, 2026-03-02: scheduled.")
