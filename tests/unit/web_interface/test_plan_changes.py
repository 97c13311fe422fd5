"""Changing a proposed plan over the API: its engine and its script; each change is the next version of the plan."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.support.web_world import PLAN, WebWorld, wish
from tests.unit.web_interface.conftest import Person

SCRIPTED = {**PLAN, "engine": "scripted"}


async def proposed(world: WebWorld, client: httpx.AsyncClient, plan: dict[str, Any] = SCRIPTED) -> dict[str, Any]:
    world.model.say("Here is the plan.", campaign_plan=plan)
    body: dict[str, Any] = (await client.post("/api/chat", json={"message": wish(plan)})).json()
    return body


async def test_a_scripted_plan_comes_with_its_script_and_an_edit_is_its_next_version(
    world: WebWorld, maria: httpx.AsyncClient
) -> None:
    first = await proposed(world, maria)
    assert first["plan_valid"], first["problems"]
    assert first["plan"]["script"]["disclosure"] == "This is an AI assistant calling on behalf of Maria Keller."
    edit = {"script": {"purpose": "I call about your boiler.", "lines.opt_out": "Gone. Goodbye."}}
    answer = await maria.patch(f"/api/plans/{first['plan_id']}", json=edit)
    assert answer.status_code == 200, answer.text
    second = answer.json()
    assert second["plan_id"] != first["plan_id"]
    assert second["plan_valid"]
    assert second["plan"]["opening"] == second["plan"]["script"]["purpose"] == "I call about your boiler."
    assert second["plan"]["script"]["lines"]["opt_out"] == "Gone. Goodbye."
    history = (await maria.get(f"/api/chat/{first['chat_id']}")).json()["messages"]
    assert [message["plan_id"] for message in history if message.get("plan_id")] == [
        first["plan_id"],
        second["plan_id"],
    ]
    campaign = await maria.post("/api/execute_campaign", json={"plan_id": second["plan_id"]})
    assert campaign.status_code == 200, campaign.text
    user_id = await world.user_id("Maria Keller")
    async with world.db.read() as work:
        tasks = await work.tasks.of_campaign(user_id, UUID(campaign.json()["campaign"]["id"]))
    assert {task.brief["engine"] for task in tasks} == {"scripted"}
    assert {task.brief["script"]["lines"]["opt_out"] for task in tasks} == {"Gone. Goodbye."}


async def test_the_assistant_knows_the_edited_plan_and_never_the_script(
    world: WebWorld, maria: httpx.AsyncClient
) -> None:
    first = await proposed(world, maria)
    edit = {"script": {"purpose": "I call about your boiler.", "farewell": "So long."}}
    await maria.patch(f"/api/plans/{first['plan_id']}", json=edit)
    world.model.say("Changed.", campaign_plan={**SCRIPTED, "opening": "I call about your boiler.", "max_attempts": 2})
    reply = await maria.post("/api/chat", json={"message": "Two attempts.", "chat_id": first["chat_id"]})
    seen = str(world.model.seen[-1])
    assert "I call about your boiler." in seen
    assert "give_up_words" not in seen
    assert reply.json()["plan"]["max_attempts"] == 2
    assert reply.json()["plan"]["script"]["farewell"] == "So long."


async def test_calls_are_switched_between_word_for_word_and_freely(world: WebWorld, maria: httpx.AsyncClient) -> None:
    first = await proposed(world, maria, PLAN)
    assert first["plan"]["script"] is None
    scripted = (await maria.patch(f"/api/plans/{first['plan_id']}", json={"engine": "scripted"})).json()
    assert scripted["plan"]["script"]["questions"][0]["key"] == "slot_ok"
    freely = (await maria.patch(f"/api/plans/{scripted['plan_id']}", json={"engine": "realtime"})).json()
    assert freely["plan"]["script"] is None


async def test_an_edit_that_breaks_the_script_is_kept_and_says_what_to_do(
    world: WebWorld, maria: httpx.AsyncClient
) -> None:
    first = await proposed(world, maria, {**SCRIPTED, "questions": [{"key": "size", "ask": "How large?"}]})
    edit = {"script": {"disclosure": "This is Maria."}}
    broken = (await maria.patch(f"/api/plans/{first['plan_id']}", json=edit)).json()
    assert not broken["plan_valid"]
    assert "must say that an AI is calling" in " ".join(broken["problems"])
    refused = await maria.post("/api/execute_campaign", json={"plan_id": broken["plan_id"]})
    assert refused.status_code == 422
    assert "must say that an AI is calling" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"script": {"lines.none": "x"}}, 400, "no sentence"),
        ({"script": {"farewell": "x\x07"}}, 422, "control characters"),
        ({"script": {"farewell": "x" * 9_000}}, 422, "farewell"),
        ({"question_types": {"slot_ok": "essay"}}, 422, "yes_no"),
        ({"question_types": {"other": "date"}}, 400, "no question"),
        ({"engine": "magic"}, 422, "scripted"),
        ({"engine": "realtime", "script": {"farewell": "x"}}, 400, "word for word"),
        ({"title": "x"}, 422, "title"),
    ],
)
async def test_bad_changes_get_clear_answers(
    world: WebWorld, maria: httpx.AsyncClient, change: dict[str, Any], status: int, words: str
) -> None:
    first = await proposed(world, maria)
    answer = await maria.patch(f"/api/plans/{first['plan_id']}", json=change)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"], answer.text


async def test_a_plan_that_is_confirmed_replaced_or_anothers_is_not_changed(
    world: WebWorld, maria: httpx.AsyncClient, person: Person
) -> None:
    first = await proposed(world, maria)
    second = (await maria.patch(f"/api/plans/{first['plan_id']}", json={"script": {"farewell": "Bye."}})).json()
    old = await maria.patch(f"/api/plans/{first['plan_id']}", json={"script": {"farewell": "x"}})
    assert (old.status_code, "replaced" in old.json()["error"]["message"]) == (409, True)
    ben = person()
    await ben.post("/api/session", json={"user_name": "Ben Ortiz"})
    assert (await ben.patch(f"/api/plans/{second['plan_id']}", json={"engine": "realtime"})).status_code == 404
    assert (await maria.patch(f"/api/plans/{uuid4()}", json={"engine": "realtime"})).status_code == 404
    await maria.post("/api/execute_campaign", json={"plan_id": second["plan_id"]})
    late = await maria.patch(f"/api/plans/{second['plan_id']}", json={"script": {"farewell": "x"}})
    assert (late.status_code, "confirmed" in late.json()["error"]["message"]) == (409, True)
