"""The assistant's tools over rows: contacts, earlier tasks, numbers and hours; each for one user only."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from opendeep.common.data_models import DNDEntryBase, DndScope, User
from opendeep.database.store_history import CAMPAIGNS
from opendeep.tools.assistant_tools import AssistantTools, ToolRules
from opendeep.tools.number_tools import spoken
from opendeep.tools.record_tools import MAX_CONTACTS
from tests.support.database import World, add_campaign, add_user, make_world, sample_plan, sqlite_url
from tests.support.web_world import NoTools

ZONE = ZoneInfo("America/New_York")
RULES = ToolRules("US", ("7000",), "America/New_York", ("US", "DE"))
ANNA, BEN = "+12025550101", "+12025550102"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    on_server = request.param == "postgresql"
    world = await make_world(request.getfixturevalue("postgres_url") if on_server else sqlite_url(tmp_path))
    yield world
    await world.db.close()


def tools(world: World, user: User, plan: dict[str, Any] | None = None) -> AssistantTools:
    return AssistantTools(NoTools(), world.db, world.clock, RULES, user.id, ZONE, plan)


async def called(world: World, user: User, *people: tuple[str, str], title: str = "Inspections") -> UUID:
    """A campaign with these contacts; its id."""
    tasks = [{"contact_name": name, "phone_number": number} for name, number in people]
    campaign, _ = await add_campaign(world.db, user.id, sample_plan([], tasks=tasks, title=title))
    world.clock.advance(60)
    return campaign.id


async def test_contacts_are_found_by_name_and_number_the_last_first(world: World) -> None:
    user = await add_user(world.db)
    await called(world, user, ("Anna Meyer", ANNA), ("Ben Ortiz", BEN))
    await called(world, user, ("Anna Meyer", ANNA), ("100% Anna_", "+12025550109"))
    box = tools(world, user)
    by_name = await box.call("find_contacts", {"name": "anna meyer"})
    assert [(m["name"], m["phone_number"], m["tasks"]) for m in by_name["matches"]] == [("Anna Meyer", ANNA, 2)]
    assert by_name["matches"][0]["last_at"].startswith("2026-03-02T10:01")  # the user's own time
    by_number = await box.call("find_contacts", {"phone_number": "(202) 555-0102"})
    assert [m["name"] for m in by_number["matches"]] == ["Ben Ortiz"]
    last_digits = await box.call("find_contacts", {"phone_number": "0102"})
    assert [m["name"] for m in last_digits["matches"]] == ["Ben Ortiz"]
    assert (await box.call("find_contacts", {"name": "Meyer Ben"}))["status"] == "not_found"
    assert [m["name"] for m in (await box.call("find_contacts", {"name": "0%"}))["matches"]] == ["100% Anna_"]


async def test_nobody_sees_another_users_rows(world: World) -> None:
    user, stranger = await add_user(world.db), await add_user(world.db, "Somebody Else")
    await called(world, user, ("Anna Meyer", ANNA))
    async with world.db.transaction() as work:
        await work.dnd.add(DNDEntryBase(ANNA, DndScope.USER, "Asked us to stop.", "call", user.id))
    box = tools(world, stranger)
    assert (await box.call("find_contacts", {"name": "Anna"}))["matches"] == []
    assert (await box.call("find_earlier_tasks", {}))["tasks"] == []
    assert (await box.call("check_phone_number", {"phone_number": ANNA}))["do_not_call"] is None
    mine = await tools(world, user).call("check_phone_number", {"phone_number": ANNA})
    assert mine["do_not_call"] == {"list": "your list", "reason": "Asked us to stop."}
    assert not mine["can_be_called"]


async def test_earlier_tasks_tell_what_came_of_them(world: World) -> None:
    user = await add_user(world.db)
    await called(world, user, ("Anna Meyer", ANNA), ("Ben Ortiz", BEN), title="Boilers")
    found = await tools(world, user).call("find_earlier_tasks", {"name": "Anna"})
    (task,) = found["tasks"]
    assert task["campaign"] == "Boilers"
    assert task["status"] == "SCHEDULED"
    assert task["objective"] == "Book the yearly boiler inspection."
    newest = await tools(world, user).call("find_earlier_tasks", {"limit": 1})
    assert len(newest["tasks"]) == 1


async def test_results_are_bounded(world: World) -> None:
    user = await add_user(world.db)
    people = [(f"Anna Meyer {n}" * 8, f"+1202555{n:04d}") for n in range(100, 130)]
    await called(world, user, *people)
    found = await tools(world, user).call("find_contacts", {"name": "Anna"})
    assert len(found["matches"]) == MAX_CONTACTS
    too_many = await tools(world, user).call("find_earlier_tasks", {"limit": 1_000})
    assert too_many["status"] == "error"


async def test_wrong_arguments_are_told_not_raised(world: World) -> None:
    user = await add_user(world.db)
    box = tools(world, user)
    for name, arguments in [
        ("find_contacts", {}),
        ("find_contacts", {"phone_number": "12"}),
        ("find_contacts", {"user_id": str(user.id)}),
        ("find_earlier_tasks", {"phone_number": "1"}),
        ("check_phone_number", {"phone_number": "call her"}),
        ("calling_windows", {"phone_number": ANNA, "time_zone": "Nowhere/Land"}),
    ]:
        assert (await box.call(name, arguments))["status"] == "error", name


async def test_a_number_is_judged_as_before_dialling(world: World) -> None:
    box = tools(world, await add_user(world.db))
    good = await box.call("check_phone_number", {"phone_number": "(202) 555-0101"})
    assert (good["phone_number"], good["country"], good["can_be_called"]) == (ANNA, "US", True)
    assert good["spoken"] == "plus one two zero, two five five, five zero one, zero one"
    assert "America/New_York" in good["time_zones"]
    abroad = await box.call("check_phone_number", {"phone_number": "+33 1 23 45 67 89"})
    assert not abroad["can_be_called"]
    assert abroad["objection"]


async def test_windows_are_the_plans_hours_where_the_callee_is(world: World) -> None:
    user = await add_user(world.db)
    plan = {"calling_window": {"start": "09:00", "end": "17:00", "weekdays": [1, 2, 3, 4, 5]}}
    berlin = "+49 30 901820"  # Monday, 2 March 2026, 15:00 UTC is 16:00 there
    found = await tools(world, user, plan).call("calling_windows", {"phone_number": berlin})
    assert found["time_zones"] == ["Europe/Berlin"]
    assert found["open_now"] is True
    assert found["windows"][0]["until"] == "2026-03-02T17:00+01:00"
    assert found["windows"][1]["from"] == "2026-03-03T09:00+01:00"
    assert [window["weekday"] for window in found["windows"]][4:6] == ["Friday", "Monday"]
    world.clock.advance(32 * 86_400 - 3_600)  # Good Friday, in summer time
    friday = await tools(world, user, plan).call("calling_windows", {"phone_number": berlin})
    assert friday["open_now"] is False
    assert friday["holiday_today"] == "Good Friday"
    assert friday["windows"][0]["from"].startswith("2026-04-07T09:00")  # not on Easter Monday either
    anyway = await tools(world, user, plan | {"holidays": "call"}).call("calling_windows", {"phone_number": berlin})
    assert anyway["open_now"] is True


async def test_an_unknown_zone_is_said(world: World) -> None:
    user = await add_user(world.db)
    toll_free = {"phone_number": "+1 800 555 0199"}
    assert "not known" in (await tools(world, user).call("calling_windows", toll_free))["detail"]
    placed = await tools(world, user).call("calling_windows", toll_free | {"time_zone": "America/Chicago"})
    assert placed["windows"][0]["from"].startswith("2026-03-02T09:00-06:00")
    whenever = await tools(world, user, {"calling_window": {"any_time": True}}).call("calling_windows", toll_free)
    assert whenever["open_now"] is True


async def test_only_the_newest_campaigns_are_searched(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert CAMPAIGNS >= 100
    monkeypatch.setattr("opendeep.database.store_history.CAMPAIGNS", 1)
    user = await add_user(world.db)
    await called(world, user, ("Anna Meyer", ANNA))
    await called(world, user, ("Ben Ortiz", BEN))
    box = tools(world, user)
    assert (await box.call("find_contacts", {"name": "Anna"}))["matches"] == []
    assert len((await box.call("find_contacts", {"name": "Ben"}))["matches"]) == 1


def test_definitions_are_plain_schemas() -> None:
    box = AssistantTools(NoTools(), None, None, RULES, UUID(int=1), ZONE, None)  # type: ignore[arg-type]
    definitions = {entry["name"]: entry["parameters"] for entry in box.tool_definitions()}
    assert set(definitions) == {"find_contacts", "find_earlier_tasks", "check_phone_number", "calling_windows"}
    assert definitions["find_contacts"]["properties"]["name"]["type"] == ["string", "null"]
    assert definitions["calling_windows"]["required"] == ["phone_number"]


@pytest.mark.parametrize(
    ("number", "words"),
    [("7000", "seven zero zero zero"), ("+4930901820", "plus four nine three, zero nine zero, one eight two zero")],
)
def test_numbers_are_spoken_in_groups(number: str, words: str) -> None:
    assert spoken(number) == words
