"""Contacts, the do-not-call list and the profile over HTTP: what is kept, refused, exported, and another's."""

from typing import Any

import httpx
import pytest

from opendeep.common.data_models import DNDEntryBase, DndScope
from tests.support.web_world import PLAN, WebWorld, wish
from tests.unit.web_interface.conftest import Person

HOSTILE = "<script>alert('x')</script>"
FORMULA = "=cmd|'/C calc'!A0"


async def ok(call: Any, status: int = 200) -> Any:
    answer: httpx.Response = await call
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def new_contact(who: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    body = {"name": "Anna Meyer", "phone_number": "(202) 555-0101", **fields}
    contact: dict[str, Any] = (await ok(who.post("/api/contacts", json=body), 201))["contact"]
    return contact


async def test_a_contact_from_first_to_last(maria: httpx.AsyncClient) -> None:
    contact = await new_contact(maria, notes=HOSTILE, time_zone="Europe/Berlin", kind="business", language="de-DE")
    assert (contact["phone_number"], contact["do_not_call"], contact["notes"]) == ("+12025550101", [], HOSTILE)
    at = f"/api/contacts/{contact['id']}"
    fact = await ok(maria.post(f"{at}/facts", json={"text": "  Prefers mornings "}), 201)
    assert (fact["text"], fact["source"], fact["call_id"]) == ("Prefers mornings", "user", None)
    changed = await ok(maria.patch(f"{at}/facts/{fact['id']}", json={"text": "Prefers noon"}))
    assert changed["text"] == "Prefers noon"
    await ok(maria.patch(at, json={"name": "Anna B. Meyer"}))
    await ok(maria.post("/api/dnd", json={"phone_number": "+1 202 555 0101", "reason": "Asked."}), 201)
    page = await ok(maria.get("/api/contacts", params={"search": "b. mey"}))
    assert page["total"] == 1
    assert (page["contacts"][0]["do_not_call"], page["contacts"][0]["facts"]) == (["USER"], 1)
    assert page["contacts"][0]["notes"] == HOSTILE  # what was not given stays
    export = await maria.get(f"{at}/export")
    assert "attachment" in export.headers["content-disposition"]
    assert export.json()["facts"][0]["text"] == "Prefers noon"
    assert export.json()["do_not_call"] == [{"scope": "USER", "reason": "Asked.", "source": "by hand"}]
    await ok(maria.delete(f"{at}/facts/{fact['id']}"), 204)
    await ok(maria.delete(at), 204)
    await ok(maria.get(at), 404)
    assert (await ok(maria.get("/api/contacts")))["total"] == 0


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"phone_number": "911"}, 422),
        ({"phone_number": "hello"}, 422),
        ({"name": " "}, 422),
        ({"name": "x" * 201}, 422),
        ({"name": "A\0B"}, 422),
        ({"kind": "robot"}, 422),
        ({"time_zone": "Mars/Base"}, 422),
        ({"language": "<b>"}, 422),
        ({"more": 1}, 422),
    ],
)
async def test_bad_contacts_are_refused_in_words(maria: httpx.AsyncClient, change: dict[str, Any], status: int) -> None:
    body = {"name": "Anna Meyer", "phone_number": "+12025550101"} | change
    answer = await maria.post("/api/contacts", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_another_tenant_sees_and_changes_nothing(maria: httpx.AsyncClient, person: Person) -> None:
    contact = await new_contact(maria)
    at = f"/api/contacts/{contact['id']}"
    fact = await ok(maria.post(f"{at}/facts", json={"text": "Prefers mornings"}), 201)
    entry = await ok(maria.post("/api/dnd", json={"phone_number": "+12025550101"}), 201)
    await ok(maria.patch("/api/profile", json={"company": "Harbour Facilities"}))
    ben = person()
    await ok(ben.post("/api/session", json={"user_name": "Ben Ortiz"}))
    for request in (
        ben.get(at),
        ben.get(f"{at}/export"),
        ben.patch(at, json={"name": "Mine"}),
        ben.delete(at),
        ben.post(f"{at}/facts", json={"text": "x"}),
        ben.patch(f"{at}/facts/{fact['id']}", json={"text": "x"}),
        ben.delete(f"{at}/facts/{fact['id']}"),
        ben.post(f"/api/dnd/{entry['id']}/removal", json={"reason": "x"}),
    ):
        await ok(request, 404)
    assert (await ok(ben.get("/api/contacts")))["total"] == 0
    assert (await ok(ben.get("/api/dnd")))["entries"] == []
    assert (await ok(ben.get("/api/dnd/removals")))["removals"] == []
    assert "0101" not in (await ben.get("/api/dnd/export")).text
    assert (await ok(ben.get("/api/profile/versions")))["versions"] == []
    own = await new_contact(ben)  # the same number is his own contact
    assert own["id"] != contact["id"]
    assert own["do_not_call"] == []


@pytest.mark.parametrize(
    "path",
    ["/api/contacts", "/api/dnd", "/api/dnd/removals", "/api/dnd/export", "/api/settings", "/api/profile/versions"],
)
async def test_a_stranger_is_asked_to_sign_in(stranger: httpx.AsyncClient, path: str) -> None:
    await ok(stranger.get(path), 401)


# -- do not call


async def test_the_list_is_kept_by_hand(maria: httpx.AsyncClient) -> None:
    body = {"phone_number": "202 555 0101", "reason": HOSTILE}
    entry = await ok(maria.post("/api/dnd", json=body), 201)
    assert (entry["phone_number"], entry["scope"], entry["source"]) == ("+12025550101", "USER", "by hand")
    assert entry["refused_dials"] == 0
    await ok(maria.post("/api/dnd", json=body), 409)
    at = f"/api/dnd/{entry['id']}/removal"
    await ok(maria.post(at, json={"reason": ""}), 422)
    await ok(maria.post(at, json={"reason": "  "}), 400)
    await ok(maria.post(at, json={"reason": "They want calls again."}), 204)
    await ok(maria.post(at, json={"reason": "Twice."}), 404)
    assert (await ok(maria.get("/api/dnd")))["total"] == 0
    [gone] = (await ok(maria.get("/api/dnd/removals")))["removals"]
    assert (gone["reason"], gone["removed_because"]) == (HOSTILE, "They want calls again.")


async def test_a_number_is_forbidden_for_one_campaign(
    world: WebWorld, maria: httpx.AsyncClient, person: Person
) -> None:
    world.model.say("Here is the plan.", campaign_plan=PLAN)
    plan = await ok(maria.post("/api/chat", json={"message": wish(PLAN)}))
    campaign = (await ok(maria.post("/api/execute_campaign", json={"plan_id": plan["plan_id"]})))["campaign"]
    body = {"phone_number": "+12025550199", "campaign_id": campaign["id"]}
    entry = await ok(maria.post("/api/dnd", json=body), 201)
    assert (entry["scope"], entry["campaign_title"]) == ("CAMPAIGN", "Boiler inspection")
    await ok(maria.post("/api/dnd", json=body), 409)
    ben = person()
    await ok(ben.post("/api/session", json={"user_name": "Ben Ortiz"}))
    await ok(ben.post("/api/dnd", json=body), 404)


async def test_an_import_names_its_bad_lines_and_the_export_is_the_import(maria: httpx.AsyncClient) -> None:
    text = (
        f"Phone;Reason\r\n+1 202 555 0101;{FORMULA}\r\n\r\nhello;x\r\n2025550102;\r\n911;no\r\n(202) 555-0101;again\r\n"
    )
    read = await ok(maria.post("/api/dnd/import", content=text.encode()))
    assert (read["added"], read["known"], read["repeated"], read["error_count"]) == (2, 0, 1, 2)
    assert [error["line"] for error in read["errors"]] == [4, 6]
    assert "emergency" in read["errors"][1]["message"]
    later = await ok(maria.post("/api/dnd/import?first_line=500", content=b"hello"))
    assert [error["line"] for error in later["errors"]] == [500]
    exported = (await maria.get("/api/dnd/export")).text
    assert all(not cell.startswith(("=", "+")) for line in exported.splitlines() for cell in line.split(","))
    again = await ok(maria.post("/api/dnd/import", content=exported.encode()))
    assert (again["added"], again["known"], again["error_count"]) == (0, 2, 0)
    reasons = {entry["reason"] for entry in (await ok(maria.get("/api/dnd")))["entries"]}
    assert reasons == {FORMULA, "You put this number on the list."}


@pytest.mark.parametrize("body", [b"", b"\r\n , \r\n", b"\xff\xfe+\x001", b'"' + b"x" * 140_000])
async def test_a_file_that_cannot_be_read_is_refused_in_words(maria: httpx.AsyncClient, body: bytes) -> None:
    answer = await maria.post("/api/dnd/import", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


async def test_the_global_list_is_shown_to_nobody_but_forbids(world: WebWorld, maria: httpx.AsyncClient) -> None:
    contact = await new_contact(maria)
    async with world.db.transaction() as work:
        await work.dnd.add(DNDEntryBase("+12025550101", DndScope.GLOBAL, "Three users.", "threshold"))
    assert (await ok(maria.get("/api/dnd")))["total"] == 0
    assert (await ok(maria.get(f"/api/contacts/{contact['id']}")))["contact"]["do_not_call"] == ["GLOBAL"]


# -- profile and settings


async def test_the_profile_keeps_its_versions(maria: httpx.AsyncClient) -> None:
    await ok(maria.patch("/api/profile", json={"company": "Harbour", "must_not_say": [HOSTILE]}))
    after = await ok(maria.patch("/api/profile", json={"callback_number": "+1 202 555 0199", "address": "12 Road"}))
    assert (after["company"], after["must_not_say"], after["address"]) == ("Harbour", [HOSTILE], "12 Road")
    versions = (await ok(maria.get("/api/profile/versions")))["versions"]
    assert [one["version"] for one in versions] == [3, 2, 1]
    assert versions[-1]["profile"]["company"] == ""
    assert await ok(maria.delete("/api/profile/versions")) == {"forgotten": 2}
    await ok(maria.patch("/api/profile", json={"must_not_say": ["x"] * 41}), 422)
    await ok(maria.patch("/api/profile", json={"address": "x" * 301}), 422)


async def test_plans_that_say_nothing_have_the_profiles_window_disclosure_and_budget(
    world: WebWorld, maria: httpx.AsyncClient
) -> None:
    sentence = "Hello, this is an AI calling for Maria Keller."
    window = {"start": "10:00", "end": "16:30", "weekdays": [1, 2, 3]}
    profile = {"plan_disclosure": sentence, "plan_window": window, "plan_max_spend": 12.5}
    await ok(maria.patch("/api/profile", json=profile))
    world.model.say("Here is the plan.", campaign_plan=PLAN)
    plan = (await ok(maria.post("/api/chat", json={"message": wish(PLAN)})))["plan"]
    assert (plan["disclosure"], plan["max_spend"]) == (sentence, 12.5)
    assert (plan["calling_window"]["start"], plan["calling_window"]["weekdays"]) == ("10:00:00", [1, 2, 3])
    own = {**PLAN, "disclosure": f"{sentence} Thank you.", "max_spend": 3, "calling_window": {"any_time": True}}
    world.model.say("Here is another.", campaign_plan=own)
    plan = (await ok(maria.post("/api/chat", json={"message": wish(PLAN)})))["plan"]
    assert (plan["disclosure"], plan["max_spend"]) == (f"{sentence} Thank you.", 3)
    assert plan["calling_window"]["any_time"]
    await ok(maria.patch("/api/profile", json={"plan_window": {"start": "noon", "end": "x"}}), 422)
    await ok(maria.patch("/api/profile", json={"plan_max_spend": -1}), 422)


async def test_the_settings_say_their_names_and_no_secret(maria: httpx.AsyncClient) -> None:
    groups = (await ok(maria.get("/api/settings")))["groups"]
    names = {entry["env"] for group in groups for entry in group["entries"]}
    assert {"OPENAI_API_KEY", "MAX_SPEND_PER_DAY", "DEFAULT_TIMEZONE"} <= names
