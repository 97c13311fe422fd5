"""Contacts, facts, profiles and the kept do-not-call list on both databases; two tenants never see each other."""

from datetime import timedelta
from uuid import UUID

import pytest

from opendeep.common.contact_values import MAX_FACTS_PER_CONTACT, Contact, NewFact
from opendeep.common.data_models import CallCreate, CallStatus, DNDEntryBase, DndScope, Task, User
from opendeep.common.errors import Conflict, NotFound
from opendeep.config.prompt_config import realtime_instructions
from opendeep.database.store_dnd_book import DO_NOT_CALL
from opendeep.task_manager.compliance_gate import Reason
from tests.support.database import World, add_campaign, add_user, sample_plan

NUMBER = "+12025550101"


async def two_tenants(world: World) -> tuple[User, Task, User, Task]:
    """Both call the same number."""
    maria, ben = await add_user(world.db), await add_user(world.db, "Ben Ortiz")
    _, [hers] = await add_campaign(world.db, maria.id, sample_plan([NUMBER]))
    _, [his] = await add_campaign(world.db, ben.id, sample_plan([NUMBER]))
    return maria, hers, ben, his


async def met(world: World, task: Task, *facts: NewFact) -> Contact:
    async with world.db.transaction() as work:
        contact = await work.contacts.met(task, "en")
        await work.contacts.learn(task.user_id, contact.id, facts)
    return contact


async def told(world: World, task: Task) -> str:
    call = await world.db.create_call_attempt(
        CallCreate(task.user_id, task.campaign_id, task.id, NUMBER, None, "node"), 60
    )
    async with world.db.read() as work:
        text = realtime_instructions(await work.calls.brief(call.id), world.clock.now())
    await world.db.update_call_status(call.id, CallStatus.NO_ANSWER)
    return text


async def test_what_one_tenant_knows_another_is_never_told(world: World) -> None:
    maria, hers, ben, his = await two_tenants(world)
    contact = await met(world, hers, NewFact("Prefers mornings"))
    await met(world, his, NewFact("Ask for Ms Weber"))
    assert "Prefers mornings" in await told(world, hers)
    assert "Prefers mornings" not in await told(world, his)
    async with world.db.read() as work:
        found, total = await work.contacts.page(ben.id, "", 10, 0)
        assert (total, [one.user_id for one in found]) == (1, [ben.id])
        for forbidden in (
            work.contacts.get(ben.id, contact.id),
            work.contacts.change_fact(ben.id, contact.id, contact.id, "x"),
            work.contacts.delete(ben.id, contact.id),
        ):
            with pytest.raises(NotFound):
                await forbidden
        assert await work.contacts.facts(ben.id, contact.id) == []
        assert await work.contacts.counts(ben.id, [contact.id]) == {}
        assert await work.contacts.counts(maria.id, [contact.id]) == {contact.id: 1}
        assert len(await work.contacts.attempts(ben.id, NUMBER)) == 1
        assert [call.user_id for call in await work.contacts.calls(maria.id, NUMBER, 10)] == [maria.id]


async def test_deleted_means_gone_also_from_prompts(world: World) -> None:
    maria, task, *_ = await two_tenants(world)
    contact = await met(world, task, NewFact("Prefers mornings"), NewFact("Ask for Ms Weber"))
    async with world.db.transaction() as work:
        [_, oldest] = await work.contacts.facts(maria.id, contact.id)
        await work.contacts.delete_fact(maria.id, contact.id, oldest.id)
    assert oldest.text not in await told(world, task)
    async with world.db.transaction() as work:
        await work.contacts.delete(maria.id, contact.id)
    text = await told(world, task)
    assert "Prefers mornings" not in text
    assert "Ms Weber" not in text
    async with world.db.read() as work:
        assert await work.contacts.facts(maria.id, contact.id) == []
        with pytest.raises(NotFound):
            await work.contacts.get(maria.id, contact.id)


async def test_a_contact_is_met_once_and_keeps_what_the_user_wrote(world: World) -> None:
    maria, task, *_ = await two_tenants(world)
    contact = await met(world, task)
    async with world.db.transaction() as work:
        await work.contacts.change(maria.id, contact.id, {"name": "Anna Meyer", "notes": "A friend."})
    again = await met(world, task)
    assert (again.id, again.name, again.notes) == (contact.id, "Anna Meyer", "A friend.")
    with pytest.raises(Conflict):
        async with world.db.transaction() as work:
            await work.contacts.create(
                maria.id, {"name": "Other", "kind": "person", "phone_number": NUMBER, "notes": ""}
            )


async def test_the_same_words_are_learned_once_and_the_oldest_of_calls_make_room(world: World) -> None:
    maria, task, *_ = await two_tenants(world)
    call = await world.db.create_call_attempt(CallCreate(maria.id, task.campaign_id, task.id, NUMBER, None, "node"), 60)
    contact = await met(world, task, NewFact("Written by the user."))
    for number in range(MAX_FACTS_PER_CONTACT + 5):
        world.clock.advance(1)
        async with world.db.transaction() as work:
            remarks = [NewFact(f"Remark {number}", None, call.id, (2,), "q"), NewFact("written BY the  user")]
            assert await work.contacts.learn(maria.id, contact.id, remarks) == 1
    async with world.db.read() as work:
        facts = await work.contacts.facts(maria.id, contact.id)
    assert len(facts) == MAX_FACTS_PER_CONTACT
    assert facts[-1].text == "Written by the user."
    assert "Remark 0" not in {fact.text for fact in facts}


async def test_a_fact_that_the_user_rewrites_is_the_users(world: World) -> None:
    maria, task, *_ = await two_tenants(world)
    call = await world.db.create_call_attempt(CallCreate(maria.id, task.campaign_id, task.id, NUMBER, None, "node"), 60)
    contact = await met(world, task, NewFact("Prefers mornings", "best_time", call.id, (2,), "in the morning"))
    async with world.db.transaction() as work:
        [fact] = await work.contacts.facts(maria.id, contact.id)
        assert (fact.source, fact.call_id, list(fact.turns)) == ("call", call.id, [2])
        changed = await work.contacts.change_fact(maria.id, contact.id, fact.id, "Prefers noon")
    assert (changed.source, changed.call_id, list(changed.turns), changed.quote) == ("user", None, [], "")


@pytest.mark.parametrize(("search", "hits"), [("100%", 1), ("_", 1), ("/", 1), ("MEYER", 1), ("0102", 1), ("'; --", 0)])
async def test_a_search_finds_what_is_written(world: World, search: str, hits: int) -> None:
    user = await add_user(world.db)
    async with world.db.transaction() as work:
        for number, name, notes in (("1", "Anna Meyer", "100% sure / now"), ("2", "Ben_Ortiz", "")):
            values = {"name": name, "kind": "person", "phone_number": f"+1202555010{number}", "notes": notes}
            await work.contacts.create(user.id, values)
        assert (await work.contacts.page(user.id, search, 10, 0))[1] == hits


async def test_every_change_of_the_profile_is_a_version_until_it_is_forgotten(world: World) -> None:
    user = await add_user(world.db)
    async with world.db.transaction() as work:
        assert await work.users.profile_version(user.id) == 0
        await work.users.update_profile(user.id, {"company": "Harbour"})
        await work.users.update_profile(user.id, {"company": "Harbour"})
        await work.users.update_profile(user.id, {"company": "Harbour Facilities"})
        versions = await work.users.profile_versions(user.id)
        assert [(number, profile.get("company")) for number, _, profile in versions] == [
            (3, "Harbour Facilities"),
            (2, "Harbour"),
            (1, None),
        ]
        assert await work.users.forget_profile_versions(user.id) == 2
        assert await work.users.profile_version(user.id) == 3


# -- the kept do-not-call list


async def refuse(world: World, task: Task, reason: str) -> None:
    async with world.db.transaction() as work:
        await work.events.add(
            task.user_id,
            "call.refused",
            "Refused.",
            data={"reason": reason},
            campaign_id=task.campaign_id,
            task_id=task.id,
        )


async def test_each_entry_tells_how_many_calls_it_has_refused(world: World) -> None:
    maria, hers, ben, _ = await two_tenants(world)
    await refuse(world, hers, DO_NOT_CALL)  # before it was listed
    world.clock.advance(60)
    async with world.db.transaction() as work:
        for user_id, campaign_id in ((maria.id, None), (maria.id, hers.campaign_id), (ben.id, None)):
            scope = DndScope.CAMPAIGN if campaign_id else DndScope.USER
            await work.dnd.add(DNDEntryBase(NUMBER, scope, "Asked.", "by hand", user_id, campaign_id))
    world.clock.advance(60)
    for reason in (DO_NOT_CALL, "outside_hours", DO_NOT_CALL):
        await refuse(world, hers, reason)
    _, [elsewhere] = await add_campaign(world.db, maria.id, sample_plan([NUMBER]))
    await refuse(world, elsewhere, DO_NOT_CALL)
    async with world.db.read() as work:
        entries, total = await work.dnd_book.page(maria.id, "", 10, 0)
        assert total == 2
        assert {entry.scope: entry.refused_dials for entry in entries} == {DndScope.USER: 3, DndScope.CAMPAIGN: 2}
        [his_entry], _ = await work.dnd_book.page(ben.id, "0101", 10, 0)
        assert his_entry.refused_dials == 0
        with pytest.raises(NotFound):
            await work.dnd_book.remove(maria.id, his_entry.id, "not mine")
    assert Reason.DO_NOT_CALL.value == DO_NOT_CALL


async def test_a_removal_keeps_what_the_entry_said_and_why_it_went(world: World) -> None:
    user = await add_user(world.db)
    async with world.db.transaction() as work:
        await work.dnd.add(DNDEntryBase(NUMBER, DndScope.USER, "Asked us to stop.", "call", user.id))
        [entry], _ = await work.dnd_book.page(user.id, "asked", 10, 0)
    world.clock.advance(timedelta(days=1).total_seconds())
    async with world.db.transaction() as work:
        await work.dnd_book.remove(user.id, entry.id, "They called and want calls again.")
    async with world.db.read() as work:
        assert await work.dnd.match(user.id, UUID(int=1), NUMBER) is None
        [removed] = await work.dnd_book.removals(user.id)
        assert (removed.reason, removed.removed_because) == ("Asked us to stop.", "They called and want calls again.")
        assert removed.removed_at - removed.listed_at == timedelta(days=1)


async def test_entries_in_bulk_are_added_once_and_the_list_is_read_in_parts(world: World) -> None:
    user = await add_user(world.db)
    entries = [DNDEntryBase(f"+1202555{n:04}", DndScope.USER, "Import.", "import", user.id) for n in range(100, 160)]
    async with world.db.transaction() as work:
        assert await work.dnd_book.add_many(entries) == 60
        assert await work.dnd_book.add_many(entries) == 0
        over = await work.dnd_book.over_threshold([NUMBER, "+12025550150"], 1)
    assert sorted(over) == [NUMBER, "+12025550150"]
    async with world.db.read() as work:
        listed = [entry.phone_number async for part in work.dnd_book.all(user.id) for entry in part]
    assert sorted(listed) == [entry.phone_number for entry in entries]
