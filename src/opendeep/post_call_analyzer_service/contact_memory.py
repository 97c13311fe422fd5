"""Keeps the contact of an analysed call and what the call taught, in the transaction of its analysis."""

from collections.abc import Sequence

from opendeep.common.data_models import Disposition
from opendeep.database.db_manager import Transaction
from opendeep.post_call_analyzer_service.analysis_case import Case
from opendeep.post_call_analyzer_service.analysis_schema import LearnedFact
from opendeep.post_call_analyzer_service.learned import NOBODY_OF_OURS, check_learned


async def remember(work: Transaction, case: Case, disposition: Disposition, learned: Sequence[LearnedFact]) -> None:
    """The number becomes a contact of the user, unless a stranger has it; facts are kept when their proof holds."""
    if disposition is Disposition.WRONG_NUMBER:
        return
    task = case.task
    contact = await work.contacts.met(task, case.brief.language)
    if disposition in NOBODY_OF_OURS:
        return
    kept, dropped = check_learned(learned, case.turns, disposition, case.call.id)
    added = await work.contacts.learn(task.user_id, contact.id, kept)
    if added or dropped:
        await work.events.add(
            task.user_id,
            "memory.learned",
            f"{added} facts about {task.contact_name} were kept, {len(dropped)} were not.",
            data={"kept": added, "dropped": len(dropped)},
            campaign_id=task.campaign_id,
            task_id=task.id,
            call_id=case.call.id,
        )
