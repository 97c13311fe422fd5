"""The chat through the real loop: assistant, text client, tools and the offline minds over HTTP, SQLite."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response

from opendeep.common.campaign_plan import CampaignPlan
from opendeep.common.errors import Conflict, NotFound, UserMistake
from opendeep.database.store_people import ChatMessage
from opendeep.llm_integrations.google_gemini_client import GoogleGeminiClient
from opendeep.llm_integrations.google_places_client import GooglePlacesClient
from opendeep.llm_integrations.openai_form_client import OpenAIFormClient
from opendeep.task_manager.chat_replay import MAX_REPLAYED_LOOKUPS, replay
from opendeep.task_manager.orchestrator_svc import OrchestratorService
from opendeep.task_manager.ui_assistant_svc import AssistantSettings, UIAssistantService
from opendeep.tools.information_retriever_svc import InformationRetrieverService
from tests.support.database import World, add_user, make_world, sqlite_url
from tests.support.minds import Answer, ScriptedProvider, completion, offline_minds, tool_call

TIMEOUT_MS = 10_000
DEMO = (
    "Call these tenants and book the yearly boiler inspection on Tuesday at ten: Anna Meyer +1 202 555 0101, "
    "Ben Ortiz +1 202 555 0102, Carla Novak +1 202 555 0103, Dan Reed +1 202 555 0105, Eve Stone +1 202 555 0106 "
    "and Harbour Facilities (no number: look it up)"
)
ANSWERS = {"call_window": "any time", "may_say": "The visit takes about thirty minutes.", "retry_minutes": "0.05"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await make_world(sqlite_url(tmp_path))
    yield world
    await world.db.close()


@pytest.fixture
async def assistant(world: World) -> AsyncIterator[UIAssistantService]:
    async with offline_minds() as url:
        llm = OpenAIFormClient(None, url, "offline", TIMEOUT_MS)
        places = GooglePlacesClient(None, url, TIMEOUT_MS)
        gemini = GoogleGeminiClient(None, url, "offline", TIMEOUT_MS)
        retriever = InformationRetrieverService(places, gemini)
        settings = AssistantSettings("US", ("7000",), "America/New_York")
        yield UIAssistantService(world.db, llm, retriever, settings, world.clock)
        for client in (llm, places, gemini):
            await client.close()


async def test_the_demo_chat_ends_in_a_plan_that_can_be_confirmed(world: World, assistant: UIAssistantService) -> None:
    user = await add_user(world.db)
    first = await assistant.chat(user.id, None, DEMO, None)
    assert [step["name"] for step in first.tool_steps] == ["get_authoritative_business_info"]
    assert first.tool_steps[0]["result"]["matches"][0]["phone_number"] == "+12025550104"
    assert first.form is not None
    assert first.plan is None
    names = {field["name"] for field in first.form["fields"]}
    assert names == {"call_window", "on_behalf_of", "may_say", "voicemail", "max_attempts", "retry_minutes"}

    second = await assistant.chat(user.id, first.chat_id, "", ANSWERS)
    assert second.plan_valid, second.problems
    plan = CampaignPlan.model_validate(second.plan)
    assert [task.phone_number[-4:] for task in plan.tasks] == ["0101", "0102", "0103", "0105", "0106", "0104"]
    assert plan.tasks[-1].menu_hint == "facilities"
    assert plan.tasks[-1].timezone == "America/New_York"
    assert "sample" in str(plan.tasks[-1].source)
    assert plan.on_behalf_of == "Maria Keller"
    assert plan.opening == "I am calling to book the yearly boiler inspection."
    assert [(q.key, q.ask) for q in plan.questions] == [("slot_ok", "Does Tuesday at ten work for you?")]
    assert plan.calling_window.any_time
    assert plan.retry_minutes == 0.05

    assert second.plan_id is not None
    campaign = await OrchestratorService(world.db, "US", ("7000",)).execute_campaign(user.id, second.plan_id)
    async with world.db.read() as work:
        assert len(await work.tasks.of_campaign(user.id, campaign.id)) == 6


async def test_a_plan_is_corrected_by_words_and_nothing_is_asked_twice(
    world: World, assistant: UIAssistantService
) -> None:
    user = await add_user(world.db)
    first = await assistant.chat(user.id, None, DEMO, None)
    await assistant.chat(user.id, first.chat_id, "", ANSWERS)
    later = await assistant.chat(user.id, first.chat_id, "make it Thursday", None)
    assert later.form is None
    assert later.plan is not None
    assert later.plan["questions"][0]["ask"] == "Does Thursday at ten work for you?"
    fewer = await assistant.chat(user.id, first.chat_id, "without Ben", None)
    assert fewer.plan is not None
    assert [task["contact_name"] for task in fewer.plan["tasks"]].count("Ben Ortiz") == 0
    assert len(fewer.plan["tasks"]) == 5
    assert fewer.plan["questions"][0]["ask"] == "Does Thursday at ten work for you?"
    lost = await assistant.chat(user.id, first.chat_id, "what is the meaning of life", None)
    assert lost.plan is None
    assert "offline planner" in lost.message
    history: list[dict[str, Any]] = await assistant.history(user.id, first.chat_id)
    assert [entry["role"] for entry in history] == ["user", "assistant"] * 5
    assert history[-3]["plan_valid"] is True


async def test_an_empty_wish_is_asked_for_by_one_form(world: World, assistant: UIAssistantService) -> None:
    user = await add_user(world.db)
    first = await assistant.chat(user.id, None, "hello", None)
    assert first.form is not None
    names = [field["name"] for field in first.form["fields"]]
    assert {"contacts", "purpose", "call_window"} <= set(names)
    answers = {"contacts": "Anna Meyer, +1 202 555 0101", "purpose": "confirm the appointment on Monday at nine"}
    second = await assistant.chat(user.id, first.chat_id, "", answers)
    assert second.plan_valid, (second.message, second.problems)
    assert second.plan is not None
    assert second.plan["questions"][0]["ask"] == "Can you confirm the appointment on Monday at nine?"


async def test_a_kind_of_business_with_several_matches_is_asked_about(
    world: World, assistant: UIAssistantService
) -> None:
    user = await add_user(world.db)
    first = await assistant.chat(user.id, None, "Please book me a dentist appointment on Tuesday at 9:30", None)
    assert first.form is not None
    pick = next(field for field in first.form["fields"] if field["name"] == "pick_1")
    assert len(pick["options"]) == 2
    second = await assistant.chat(user.id, first.chat_id, "", {"pick_1": pick["options"][1]})
    assert second.plan_valid
    assert second.plan is not None
    assert second.plan["tasks"][0]["contact_name"] == "Riverside Dental Clinic"


async def test_bad_messages_and_foreign_chats_are_refused(world: World, assistant: UIAssistantService) -> None:
    user, stranger = await add_user(world.db), await add_user(world.db, "Somebody Else")
    with pytest.raises(UserMistake):
        await assistant.chat(user.id, None, "  ", None)
    with pytest.raises(UserMistake):
        await assistant.chat(user.id, None, "x" * 8_001, None)
    mine = await assistant.chat(user.id, None, "hello", None)
    with pytest.raises(NotFound):
        await assistant.chat(stranger.id, mine.chat_id, "hello", None)
    with pytest.raises(NotFound):
        await assistant.history(stranger.id, mine.chat_id)


async def test_a_provider_that_is_away_costs_nothing_but_the_answer(world: World) -> None:
    user = await add_user(world.db)
    async with offline_minds() as url:
        pass  # closed again: nobody listens there now
    llm = OpenAIFormClient(None, url, "offline", TIMEOUT_MS)
    retriever = InformationRetrieverService(GooglePlacesClient(None, url, 1), GoogleGeminiClient(None, url, "m", 1))
    settings = AssistantSettings("US", (), "America/New_York")
    reply = await UIAssistantService(world.db, llm, retriever, settings, world.clock).chat(user.id, None, DEMO, None)
    await llm.close()
    assert "cannot be reached" in reply.message
    async with world.db.read() as work:
        kept = [(m.role, m.content) for m in await work.chats.messages(user.id, reply.chat_id)]
    assert kept[0] == ("user", DEMO)
    assert kept[1][0] == "assistant"


# -- a provider that plays a model


PLAN = {
    "objective": "Confirm the appointment.",
    "tasks": [
        {"contact_name": "Anna", "phone_number": "(202) 555-0101"},
        {"contact_name": "Me", "phone_number": "7000"},
    ],
}


@asynccontextmanager
async def scripted(world: World, *answers: Answer) -> AsyncIterator[tuple[UIAssistantService, ScriptedProvider]]:
    """The assistant with a text provider that plays `answers`, and the sample directory for its tools."""
    provider = ScriptedProvider(list(answers))
    async with provider.serving() as url, offline_minds() as samples:
        llm = OpenAIFormClient("key", url, "model", TIMEOUT_MS)
        places, gemini = (
            GooglePlacesClient(None, samples, TIMEOUT_MS),
            GoogleGeminiClient(None, samples, "m", TIMEOUT_MS),
        )
        settings = AssistantSettings("US", ("7000",), "America/New_York")
        retriever = InformationRetrieverService(places, gemini)
        yield UIAssistantService(world.db, llm, retriever, settings, world.clock), provider
        for client in (llm, places, gemini):
            await client.close()


def turn(**changes: object) -> Response:
    return completion(orjson.dumps({"message": "Here.", "form": None, "campaign_plan": None} | changes).decode())


async def test_a_models_plan_is_completed_and_its_numbers_normalised(world: World) -> None:
    user = await add_user(world.db)
    async with scripted(world, turn(campaign_plan=PLAN)) as (assistant, provider):
        reply = await assistant.chat(user.id, None, "Confirm with Anna, (202) 555-0101, and me", None)
    assert reply.plan_valid
    assert reply.plan is not None
    assert [task["phone_number"] for task in reply.plan["tasks"]] == ["+12025550101", "7000"]
    assert reply.plan["on_behalf_of"] == "Maria Keller"
    assert reply.plan["disclosure"] == "This is an AI assistant calling on behalf of Maria Keller."
    assert "AI assistant" in reply.plan["voicemail"]["message"]
    system = provider.requests[0]["messages"][0]["content"]
    assert "Maria Keller" in system
    assert "2026-03-02T10:00-05:00" in system  # the user's own time


async def test_a_plan_that_is_not_complete_cannot_be_confirmed(world: World) -> None:
    user = await add_user(world.db)
    bad = PLAN | {"tasks": [{"contact_name": "Anna", "phone_number": "call her"}]}
    async with scripted(world, turn(campaign_plan=bad)) as (assistant, _):
        reply = await assistant.chat(user.id, None, "Call Anna", None)
    assert not reply.plan_valid
    assert any("not a telephone number" in problem for problem in reply.problems)


async def test_look_ups_and_the_newest_plan_are_shown_to_the_model_again(world: World) -> None:
    user = await add_user(world.db)
    lookup = tool_call("call_1", "get_authoritative_business_info", '{"name": "Harbour Facilities"}')
    answers = (completion(None, calls=[lookup], finish="tool_calls"), turn(campaign_plan=PLAN), turn())
    async with scripted(world, *answers) as (assistant, provider):
        first = await assistant.chat(user.id, None, "Call Harbour Facilities", None)
        await assistant.chat(user.id, first.chat_id, "make it Thursday", {"a": "b"})
    told = provider.requests[2]["messages"]
    assert [message["role"] for message in told] == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert orjson.loads(told[3]["content"])["matches"][0]["phone_number"] == "+12025550104"
    assert len(orjson.loads(told[4]["content"])["campaign_plan"]["tasks"]) == 2
    assert "form_answers" in told[5]["content"]


async def test_only_one_message_of_a_chat_is_answered_at_a_time(world: World) -> None:
    user = await add_user(world.db)
    asked, release = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Response:
        asked.set()
        await release.wait()
        return turn()

    async with scripted(world, turn(), slow) as (assistant, _):
        first = await assistant.chat(user.id, None, "hello", None)
        waiting = asyncio.create_task(assistant.chat(user.id, first.chat_id, "and now?", None), name="slow-round")
        await asyncio.wait_for(asked.wait(), 10)
        with pytest.raises(Conflict):
            await assistant.chat(user.id, first.chat_id, "hurry", None)
        release.set()
        assert (await waiting).message == "Here."
        assert (await assistant.chat(user.id, first.chat_id, "again", None)).message == "Here."


def test_the_results_of_many_look_ups_are_replayed_up_to_a_limit() -> None:
    step = {"id": "c", "name": "search_internet", "arguments": {}, "result": {"text": "x" * 30_000}}
    now = datetime(2026, 3, 2, tzinfo=UTC)
    chat = [ChatMessage("assistant", f"answer {n}", {"tool_steps": [step]}, now) for n in range(20)]
    told = replay(chat)
    assert [message["role"] for message in told].count("tool") == MAX_REPLAYED_LOOKUPS // 30_100
    assert len([message for message in told if "answer" in message["content"]]) == len(chat)
    assert told[-2]["role"] == "tool"  # the newest are kept
