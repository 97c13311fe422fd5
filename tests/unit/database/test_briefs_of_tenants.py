"""What a call is told: of its own task and user everything, of any other task or tenant nothing at all."""

from opendeep.common.data_models import CallBrief, CallCreate, CallStatus, Disposition, FeedbackKind, Task
from opendeep.config.prompt_config import realtime_instructions
from opendeep.database.db_manager import DatabaseManager
from tests.support.database import World, add_campaign, sample_plan

NUMBER = "+12025550101"  # the same for all: whoever shares a callee shares nothing else
OWNERS = ("MARIA", "MALLORY")


async def a_past(db: DatabaseManager, owner: str) -> list[Task]:
    """Two tasks of a user, each with an analysed call and answered questions; every text carries its mark."""
    profile = {"full_name": f"{owner}-name", "may_say": [f"{owner}-fact"], "preferences": [f"{owner}-wish"]}
    async with db.transaction() as work:
        user = await work.users.get_or_create(owner, profile)
    tasks = []
    for number in (1, 2):
        mark = f"{owner}-{number}"
        plan = sample_plan([NUMBER], objective=f"{mark}-objective", on_behalf_of=owner, may_say=[f"{mark}-may"])
        _, [task] = await add_campaign(db, user.id, plan)
        call = await db.create_call_attempt(CallCreate(user.id, task.campaign_id, task.id, NUMBER, None, "node"), 60)
        async with db.transaction() as work:
            asked = await work.feedback.ask(
                user.id, task.campaign_id, task.id, f"{mark}-question", kind=FeedbackKind.LIVE, call_id=call.id
            )
            await work.feedback.answer(user.id, asked.id, f"{mark}-answer")
            await work.calls.update_call_status(call.id, CallStatus.COMPLETED)
            await work.calls.save_analysis(call.id, Disposition.INCONCLUSIVE, {"summary": f"{mark}-summary"})
        tasks.append(task)
    return tasks


async def next_brief(db: DatabaseManager, task: Task) -> CallBrief:
    call = await db.create_call_attempt(CallCreate(task.user_id, task.campaign_id, task.id, NUMBER, None, "node"), 60)
    async with db.read() as work:
        return await work.calls.brief(call.id)


async def test_no_other_task_and_no_other_tenant_is_in_the_instructions(world: World) -> None:
    tasks = {owner: await a_past(world.db, owner) for owner in OWNERS}
    for owner in OWNERS:
        for number, task in enumerate(tasks[owner], 1):
            brief = await next_brief(world.db, task)
            text = realtime_instructions(brief, world.clock.now())
            own = f"{owner}-{number}"
            for part in ("objective", "may", "question", "answer", "summary"):
                assert f"{own}-{part}" in text
            for part in ("name", "fact", "wish"):
                assert f"{owner}-{part}" in text
            (other,) = set(OWNERS) - {owner}
            assert other not in text
            assert f"{owner}-{3 - number}" not in text
            assert brief.user.id == brief.task.user_id == brief.call.user_id == task.user_id
