"""`PlanEditorService`: the user's own changes to a proposed plan, from the plan card.

A plan is never changed: each change is a new version of the chat's plan, shown as an answer of the chat, so that the
assistant knows of it and an older card can be recognised. What an edit means is `plan_scripts`' matter.
"""

from dataclasses import dataclass
from uuid import UUID

import structlog

from opendeep.common.call_script import Engine
from opendeep.common.campaign_plan import CampaignPlan
from opendeep.common.data_models import PlanStatus
from opendeep.common.errors import Conflict, UserMistake
from opendeep.database.db_manager import DatabaseManager
from opendeep.task_manager.plan_contacts import shown
from opendeep.task_manager.plan_reader import read_outline
from opendeep.task_manager.plan_scripts import ScriptEdits, edited, with_script
from opendeep.task_manager.ui_assistant_svc import AssistantSettings, ChatReply

log = structlog.get_logger(__name__)

NOW_SCRIPTED = "These calls are now held word for word. You can edit each sentence below."
NOW_FREE = "The AI now speaks freely in these calls, within the plan."
EDITED = "I have changed the script as you wrote."


@dataclass(frozen=True, slots=True)
class PlanChange:
    """`engine` None: as it is. `edits` only for a scripted plan."""

    engine: Engine | None = None
    edits: ScriptEdits | None = None


class PlanEditorService:
    """One for all tenants. `settings` say how numbers are read and which may be called, as in the chat."""

    def __init__(self, db: DatabaseManager, settings: AssistantSettings) -> None:
        self._db = db
        self._settings = settings

    async def change(self, user_id: UUID, plan_id: UUID, change: PlanChange) -> ChatReply:
        """The next version of the plan.

        Raises `NotFound` for a plan that is not this user's, `Conflict` for one that is confirmed or was replaced,
        `UserMistake` for a change that does not fit it.
        """
        async with self._db.transaction() as work:
            await work.plans.hold(user_id, plan_id)
            stored = await work.plans.shown(user_id, plan_id, 0)
            newest = await work.plans.latest(user_id, stored.chat_id, 0)
            if stored.status is PlanStatus.CONFIRMED:
                raise Conflict("This plan is confirmed; its calls are scheduled as it was.")
            if newest is not None and newest.id != plan_id:
                raise Conflict("This plan was replaced by a newer one; change that.")
            plan, message = _changed(read_outline(stored.plan), change)
            new_id = await work.plans.save_with_contacts_of(user_id, plan_id, plan.model_dump_json(exclude={"tasks"}))
            await work.chats.add_message(user_id, stored.chat_id, "assistant", message, {"plan_id": str(new_id)})
            view = await shown(work, self._settings, user_id, new_id)
        log.info("plan.edited", user_id=str(user_id), plan_id=str(new_id), engine=plan.engine.value)
        return ChatReply(
            stored.chat_id,
            message,
            plan=view.plan,
            plan_id=new_id,
            plan_valid=not view.problems,
            problems=view.problems,
            contacts=view.contacts,
        )


def _changed(plan: CampaignPlan, change: PlanChange) -> tuple[CampaignPlan, str]:
    """The next version, and what the chat says of it."""
    engine = change.engine or plan.engine
    if change.edits is not None and engine is not Engine.SCRIPTED:
        raise UserMistake("Only calls that are held word for word have a script.")
    message = EDITED
    if engine is not plan.engine:
        plan = with_script(plan.model_copy(update={"engine": engine}), None)
        message = NOW_SCRIPTED if engine is Engine.SCRIPTED else NOW_FREE
    return (edited(plan, change.edits) if change.edits else plan), message
