"""Files of contacts over HTTP: looked at, checked, put into the plan; whole or not at all, and each to its user."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from opendeep.tools.contact_tables import MAX_FILE_BYTES
from tests.support.web_world import PLAN, WebWorld, wish
from tests.unit.web_interface.conftest import Person

TABLE = (
    "Name;Phone;Customer no.\n"
    "Dora Klein;+1 202 555 0105;=2+3\n"
    "Eve Stone;202-555-0106;<b>7</b>\n"
    "Nobody;;1\n"
    "=cmd|'x';12;2\n"
    "Eve again;+12025550106;3\n"
)
MEANINGS = ["name", "phone", "fact"]
WITH_OBJECTIVE = {**PLAN, "tasks": []}


async def sent(client: httpx.AsyncClient, content: str | bytes = TABLE, name: str = "contacts.csv") -> dict[str, Any]:
    answer = await client.post(f"/api/imports?file_name={name}", content=content)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def mapping(chat_id: str | None = None, columns: list[str] | None = None) -> dict[str, Any]:
    return {"has_headings": True, "columns": columns or MEANINGS, "chat_id": chat_id}


def stored(directory: Path) -> list[str]:
    return [path.name for path in (directory / "imports").rglob("*") if path.is_file()]


async def test_a_file_is_looked_at_checked_and_used_and_the_next_plan_keeps_its_contacts(
    world: WebWorld, maria: httpx.AsyncClient, tmp_path: Path
) -> None:
    found = await sent(maria)
    assert (found["name"], found["kind"], found["has_headings"]) == ("contacts.csv", "csv (;, utf-8-sig)", True)
    assert [column["meaning"] for column in found["columns"]] == MEANINGS
    assert found["rows"][0] == {"line": 2, "cells": ["Dora Klein", "+1 202 555 0105", "=2+3"]}
    checked = (await maria.post(f"/api/imports/{found['id']}/check", json=mapping())).json()
    assert {name: checked[name] for name in ("rows", "ready", "wrong", "duplicates")} == {
        "rows": 5, "ready": 2, "wrong": 2, "duplicates": 1,
    }  # fmt: skip
    assert [problem["line"] for problem in checked["problems"]] == [4, 5, 6]
    csv = (await maria.get(f"/api/imports/{found['id']}/errors.csv")).text
    assert "4,Phone,There is no telephone number." in csv

    used = await maria.post(f"/api/imports/{found['id']}/use", json=mapping())
    assert used.status_code == 200, used.text
    reply = used.json()
    assert (reply["contacts"], reply["plan_valid"]) == (2, False)
    assert "What should these calls achieve?" in reply["message"]
    assert reply["plan"]["tasks"][0]["may_say"] == ["Customer no.: =2+3"]
    assert stored(tmp_path) == []
    assert (await maria.post(f"/api/imports/{found['id']}/use", json=mapping())).status_code == 404

    forged = {"contact_name": "Mallory", "phone_number": "+12025550199", "source": "import"}
    world.model.say(
        "Here it is.", campaign_plan={**PLAN, "tasks": [forged, {**forged, "phone_number": "+12025550105"}]}
    )
    chat = {"message": "Book the inspection.", "chat_id": reply["chat_id"]}
    planned = (await maria.post("/api/chat", json=chat)).json()
    assert planned["contacts"] == 3
    assert [task["contact_name"] for task in planned["plan"]["tasks"]] == ["Mallory", "Dora Klein", "Eve Stone"]
    assert any("who gave the number" in problem for problem in planned["problems"])
    seen = str(world.model.seen[-1])
    assert "contacts_from_file" in seen
    assert '"count":2' in seen.replace(" ", "")

    world.model.say("Without Mallory.", campaign_plan=WITH_OBJECTIVE)
    final = (await maria.post("/api/chat", json=chat)).json()
    assert (final["contacts"], final["plan_valid"], final["problems"]) == (2, True, [])
    flight = (await maria.get(f"/api/plans/{final['plan_id']}/preflight")).json()
    assert flight["contacts"] == 2
    campaign = (await maria.post("/api/execute_campaign", json={"plan_id": final["plan_id"]})).json()["campaign"]
    async with world.db.read() as work:
        tasks = await work.tasks.of_campaign(await world.user_id("Maria Keller"), UUID(campaign["id"]))
    assert {task.phone_number: task.contact_name for task in tasks} == {
        "+12025550105": "Dora Klein", "+12025550106": "Eve Stone",
    }  # fmt: skip
    assert "Customer no.: =2+3" in tasks[0].brief["may_say"]


async def test_contacts_are_added_to_a_plan_that_is_there_without_repeating_its_numbers(
    world: WebWorld, maria: httpx.AsyncClient
) -> None:
    world.model.say("Here is the plan.", campaign_plan=PLAN)
    plan = (await maria.post("/api/chat", json={"message": wish()})).json()
    found = await sent(maria, "Name,Phone\nAnna M.,+12025550101\nDora Klein,+12025550105\n")
    body = mapping(plan["chat_id"], ["name", "phone"])
    checked = (await maria.post(f"/api/imports/{found['id']}/check", json=body)).json()
    assert (checked["ready"], checked["duplicates"]) == (1, 1)
    assert checked["problems"][0]["message"] == "The plan calls this number already."
    reply = (await maria.post(f"/api/imports/{found['id']}/use", json=body)).json()
    assert (reply["contacts"], reply["plan_valid"]) == (4, True)
    edited = (await maria.patch(f"/api/plans/{reply['plan_id']}", json={"engine": "scripted"})).json()
    assert (edited["contacts"], edited["plan_valid"]) == (4, True), edited["problems"]
    assert edited["plan"]["tasks"][-1]["contact_name"] == "Dora Klein"


async def test_a_large_plan_comes_with_its_first_contacts_and_their_count(
    world: WebWorld, maria: httpx.AsyncClient
) -> None:
    rows = "".join(f"Contact {n},+1202555{n:04}\n" for n in range(100, 300))
    found = await sent(maria, f"Name,Phone\n{rows}")
    reply = (await maria.post(f"/api/imports/{found['id']}/use", json=mapping(None, ["name", "phone"]))).json()
    assert reply["contacts"] == 200
    assert len(reply["plan"]["tasks"]) == 50
    history = (await maria.get(f"/api/chat/{reply['chat_id']}")).json()["messages"]
    assert [len(message["plan"]["tasks"]) for message in history if message["plan"]] == [50]
    assert history[-1]["contacts"] == 200
    world.model.say("Aha.")
    await maria.post("/api/chat", json={"message": "Go on.", "chat_id": reply["chat_id"]})
    assert str(world.model.seen[-1]).count("Contact 1") <= 3


async def test_a_failed_use_leaves_everything_as_it_was(maria: httpx.AsyncClient, tmp_path: Path) -> None:
    found = await sent(maria)
    for columns in (["name", "fact", "fact"], ["name", "phone"]):
        answer = await maria.post(f"/api/imports/{found['id']}/use", json=mapping(None, columns))
        assert answer.status_code == 400, answer.text
    missing = await maria.post(f"/api/imports/{found['id']}/use", json=mapping(str(uuid4())))
    assert missing.status_code == 404
    assert len(stored(tmp_path)) == 2
    assert (await maria.post(f"/api/imports/{found['id']}/use", json=mapping())).status_code == 200


async def test_a_file_is_its_users_alone(maria: httpx.AsyncClient, person: Person, tmp_path: Path) -> None:
    found = await sent(maria)
    other = person()
    assert (await other.post("/api/imports", content=TABLE)).status_code == 401
    await other.post("/api/session", json={"user_name": "Ann"})
    path = f"/api/imports/{found['id']}"
    for method, url, body in [
        ("POST", f"{path}/check", mapping()), ("POST", f"{path}/use", mapping()),
        ("GET", f"{path}/errors.csv", None), ("DELETE", path, None),
    ]:  # fmt: skip
        assert (await other.request(method, url, json=body)).status_code == 404
    assert (await maria.delete(path)).status_code == 204
    assert stored(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 422, "empty"), (b"%PDF-1.7", 422, "PDF"), (b"PK\x03\x04broken", 422, "damaged"),
        (b"x" * (MAX_FILE_BYTES + 1), 413, "25 MB"),
    ],
    ids=["empty", "pdf", "broken", "large"],
)  # fmt: skip
async def test_what_cannot_be_read_is_refused_and_not_kept(
    maria: httpx.AsyncClient, tmp_path: Path, content: bytes, status: int, words: str
) -> None:
    answer = await maria.post("/api/imports?file_name=a.xlsx", content=content)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]
    assert stored(tmp_path) == []
