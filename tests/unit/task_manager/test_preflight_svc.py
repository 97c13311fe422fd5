"""The pre-flight: what it counts is what the scheduler would do."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from opendeep.common.data_models import CallCreate, CallStatus, DNDEntryBase, DndScope, TaskStatus
from opendeep.common.errors import NotFound
from opendeep.task_manager.compliance_gate import GateRules
from opendeep.task_manager.preflight_svc import PreflightService, PreflightSettings
from tests.support.clock import ManualClock
from tests.support.database import World, add_campaign, add_plan, add_user, make_world, sample_plan, sqlite_url

RULES = GateRules("US", ("7000",), ("US", "DE"), "America/New_York", calls_per_number=4, price_per_minute=0.1)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await make_world(sqlite_url(tmp_path), ManualClock(datetime(2026, 3, 3, 15, tzinfo=UTC)))
    yield world
    await world.db.close()


def service(world: World, lines: int = 10) -> PreflightService:
    return PreflightService(world.db, world.clock, PreflightSettings(RULES, lines, "America/New_York"))


async def test_it_tells_who_is_skipped_and_why_and_when_it_begins(world: World) -> None:
    user = await add_user(world.db)
    good = [f"+1202555{n:04}" for n in range(100, 160)]
    later = [f"+4930{n}" for n in range(9018200, 9018210)]  # 16:00 there, the window ends at 15:00
    bad = ["+12005550101", "+33142685300", "+19005550101", "not a number"]
    window = {"start": "09:00", "end": "15:00"}
    plan = sample_plan([*good, *later, *bad, "7000"], calling_window=window)
    plan_id = await add_plan(world.db, user.id, plan)
    async with world.db.transaction() as work:
        await work.dnd.add(DNDEntryBase(good[0], DndScope.USER, "Asked us to stop.", "call", user_id=user.id))
    view = await service(world).preflight(user.id, plan_id)
    assert view["contacts"] == 75
    assert view["fates"] == {"called": 70, "skipped": 5}
    counts = {(reason["reason"], reason["fate"]): reason["count"] for reason in view["reasons"]}
    assert counts == {
        ("outside_hours", "called"): 10,
        ("invalid_number", "skipped"): 2,
        ("do_not_call", "skipped"): 1,
        ("country_not_allowed", "skipped"): 1,
        ("number_type_not_allowed", "skipped"): 1,
    }
    listed = next(reason for reason in view["reasons"] if reason["reason"] == "do_not_call")
    assert listed["examples"] == [
        {
            "row": 1,
            "contact_name": "Contact 1",
            "phone_number": good[0],
            "sentence": "The number is on your do-not-call list: Asked us to stop.",
        }
    ]
    assert len(next(r for r in view["reasons"] if r["reason"] == "outside_hours")["examples"]) == 5
    assert "5 of 75 will be skipped: 2 with numbers that do not exist" in " ".join(view["sentences"])
    assert view["first_call_at"] == "2026-03-03T15:00:00+00:00"
    assert view["finished_at"] == "2026-03-04T08:01:45+00:00"  # the last ones tomorrow at nine in Berlin
    assert view["estimated_cost"] == 70 * 1.5 * 0.1


@pytest.mark.parametrize(("lines", "minutes"), [(1, 105), (10, 10.5), (100, 1.75)])
async def test_the_duration_follows_from_the_lines(world: World, lines: int, minutes: float) -> None:
    user = await add_user(world.db)
    plan_id = await add_plan(world.db, user.id, sample_plan([f"+1202555{n:04}" for n in range(60)]))
    view = await service(world, lines).preflight(user.id, plan_id)
    took = datetime.fromisoformat(view["finished_at"]) - datetime.fromisoformat(view["first_call_at"])
    assert took.total_seconds() / 60 == pytest.approx(minutes, abs=0.1)


async def test_what_is_put_off_into_closed_hours_begins_when_they_open(world: World) -> None:
    """At 10:00 in Washington the number has had its calls; a day after them, at 06:00, nobody may be called yet."""
    user = await add_user(world.db)
    world.clock.advance(-4 * 3600)  # 06:00 there
    await _called_often(world, "+12025550101")
    world.clock.advance(4 * 3600)
    plan_id = await add_plan(world.db, user.id, sample_plan(["+12025550101"], calling_window={"start": "09:00"}))
    view = await service(world).preflight(user.id, plan_id)
    assert view["reasons"][0]["reason"] == "called_too_often"
    assert view["first_call_at"] == "2026-03-04T14:00:00+00:00"
    ends = {"calling_window": {"start": "09:00"}, "not_after": "2026-03-04T12:00:00+00:00"}
    plan_id = await add_plan(world.db, user.id, sample_plan(["+12025550101"], **ends))
    view = await service(world).preflight(user.id, plan_id)
    assert (view["fates"], view["reasons"][0]["reason"]) == ({"skipped": 1}, "window_never_opens")


async def _called_often(world: World, number: str) -> None:
    """As many calls that rang as a day allows, from another user."""
    other = await add_user(world.db, "Other")
    for _ in range(4):
        _, (task,) = await add_campaign(world.db, other.id, sample_plan([number]))
        async with world.db.transaction() as work:
            await work.tasks.transition(task.id, TaskStatus.QUEUED_FOR_CALL, "Its turn has come.")
            new = CallCreate(other.id, task.campaign_id, task.id, number, None, "node-1", "trunk")
            call = await work.calls.create_call_attempt(new, 30.0)
            for status in (CallStatus.RINGING, CallStatus.NO_ANSWER):
                await work.calls.update_call_status(call.id, status)


@pytest.mark.parametrize(
    ("max_spend", "per_day", "words"),
    [
        (2.0, None, "The plan's budget of 2.00 is enough for about 7 of 60 calls; the others are not made."),
        (None, 4.0, "Your budget of 4.00 for 24 hours is enough for about 21 of 60 calls a day."),
        (10.0, 10.0, None),
    ],
)
async def test_a_budget_that_ends_before_the_plan_is_told(
    world: World, max_spend: float | None, per_day: float | None, words: str | None
) -> None:
    """A call costs 0.15 on average, and 1.00 must be left before one begins."""
    user = await add_user(world.db)
    plan = sample_plan([f"+1202555{n:04}" for n in range(60)], max_spend=max_spend)
    plan_id = await add_plan(world.db, user.id, plan)
    settings = PreflightSettings(replace(RULES, max_spend_per_day=per_day), 10, "America/New_York")
    view = await PreflightService(world.db, world.clock, settings).preflight(user.id, plan_id)
    assert [said for said in view["sentences"] if "budget" in said] == ([words] if words else [])


async def test_contacts_without_a_time_zone_are_asked_about(world: World) -> None:
    user = await add_user(world.db)
    unknown = GateRules("US", (), ("001",), "America/New_York")
    settings = PreflightSettings(unknown, 1, "America/New_York")
    plan_id = await add_plan(world.db, user.id, sample_plan(["+80012345678"], calling_window={}))
    view = await PreflightService(world.db, world.clock, settings).preflight(user.id, plan_id)
    assert view["fates"] == {"asked": 1}
    assert view["first_call_at"] is None


async def test_a_plan_of_another_tenant_does_not_exist(world: World) -> None:
    user, stranger = await add_user(world.db), await add_user(world.db, "Stranger")
    plan_id = await add_plan(world.db, user.id, sample_plan(["+12025550101"]))
    with pytest.raises(NotFound):
        await service(world).preflight(stranger.id, plan_id)


async def test_what_other_tenants_forbid_is_not_told(world: World) -> None:
    user, other = await add_user(world.db), await add_user(world.db, "Other")
    async with world.db.transaction() as work:
        await work.dnd.add(DNDEntryBase("+12025550101", DndScope.USER, "Private.", "call", user_id=other.id))
    plan_id = await add_plan(world.db, user.id, sample_plan(["+12025550101"]))
    view: dict[str, Any] = await service(world).preflight(user.id, plan_id)
    assert view["fates"] == {"called": 1}
