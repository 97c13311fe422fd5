"""A migrated database with a tenant, a campaign and tasks in it; what most store and service tests start from."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from opendeep.common.campaign_plan import CampaignPlan, brief_for
from opendeep.common.data_models import Campaign, Task, TaskBase, User
from opendeep.common.redis_client import Doorbell, InProcessDoorbell
from opendeep.database.db_manager import DatabaseManager
from tests.support.clock import ManualClock


@dataclass(frozen=True, slots=True)
class World:
    """`clock` moves only by hand; `bell` is the one the database rings."""

    db: DatabaseManager
    clock: ManualClock
    bell: Doorbell
    url: str


async def make_world(url: str, clock: ManualClock | None = None) -> World:
    """Migrate the database behind `url`. Close `world.db` at the end."""
    clock, bell = clock or ManualClock(), InProcessDoorbell()
    db = DatabaseManager(url, bell, clock)
    await db.upgrade()
    return World(db, clock, bell, url)


def sqlite_url(directory: Path) -> str:
    return f"sqlite+aiosqlite:///{directory / 'test.db'}"


def sample_plan(numbers: list[str], **changes: object) -> CampaignPlan:
    """A plan with one question and one task per number."""
    return CampaignPlan.model_validate(
        {
            "title": "Inspections",
            "objective": "Book the yearly boiler inspection.",
            "on_behalf_of": "Maria Keller",
            "opening": "I am calling to book the yearly boiler inspection.",
            "questions": [{"key": "slot_ok", "ask": "Does Tuesday at ten work for you?", "type": "yes_no"}],
            "tasks": [{"contact_name": f"Contact {n}", "phone_number": number} for n, number in enumerate(numbers, 1)],
            "calling_window": {"any_time": True},
        }
        | changes
    )


async def add_user(db: DatabaseManager, name: str = "Maria Keller") -> User:
    async with db.transaction() as work:
        return await work.users.get_or_create(name, {"full_name": name, "time_zone": "America/New_York"})


async def add_plan(db: DatabaseManager, user_id: UUID, plan: CampaignPlan) -> UUID:
    async with db.transaction() as work:
        chat_id = await work.chats.create(user_id)
        return await work.plans.save(user_id, chat_id, plan.model_dump(mode="json"))


async def add_campaign(db: DatabaseManager, user_id: UUID, plan: CampaignPlan) -> tuple[Campaign, list[Task]]:
    """The plan as rows, all tasks SCHEDULED and due now."""
    plan_id = await add_plan(db, user_id, plan)
    async with db.transaction() as work:
        campaign = await work.campaigns.create(user_id, plan_id, plan.title, plan.objective)
        bases = [
            TaskBase(
                contact_name=task.contact_name,
                contact_kind=task.contact_kind,
                phone_number=task.phone_number,
                objective=task.objective or plan.objective,
                brief=brief_for(plan, task).model_dump(mode="json"),
                timezone=task.timezone,
                priority=task.priority,
                max_attempts=plan.max_attempts,
            )
            for task in plan.tasks
        ]
        await work.tasks.add_many(user_id, campaign.id, bases)
        return campaign, await work.tasks.of_campaign(user_id, campaign.id)
