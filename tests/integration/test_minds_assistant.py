"""The chat through the real loop: assistant, text client, tools and the offline minds over HTTP, SQLite."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from opendeep.common.campaign_plan import CampaignPlan
from opendeep.common.errors import NotFound, UserMistake
from opendeep.llm_integrations.google_gemini_client import GoogleGeminiClient
from opendeep.llm_integrations.google_places_client import GooglePlacesClient
from opendeep.llm_integrations.openai_form_client import OpenAIFormClient
from opendeep.task_manager.orchestrator_svc import OrchestratorService
from opendeep.task_manager.ui_assistant_svc import AssistantSettings, UIAssistantService
from opendeep.tools.information_retriever_svc import InformationRetrieverService
from tests.support.database import World, add_user, make_world, sqlite_url
from tests.support.minds import offline_minds

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
