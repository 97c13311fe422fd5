"""An answer in the one moment that no test of a whole call can hit: the question expires, and nobody knows it yet."""

import asyncio
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from opendeep.audio_processing_service.call_records import CallRecords
from opendeep.audio_processing_service.row_writer import RowWriter
from opendeep.audio_processing_service.user_questions import QuestionPorts, UserQuestions
from opendeep.common.channels import call_commands
from opendeep.common.clock import SystemClock
from opendeep.common.data_models import CallCreate
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.database.db_manager import DatabaseManager
from tests.support.database import add_campaign, add_user, sample_plan, sqlite_url

NUMBER = "+12025550101"


class QuickUser(InProcessDoorbell):
    """A user who answers as soon as the page says that the time is up."""

    def __init__(self) -> None:
        super().__init__()
        self.db: DatabaseManager | None = None
        self.questions: UserQuestions | None = None

    async def ring(self, channel: str, data: Mapping[str, Any] | None = None) -> None:
        await super().ring(channel, data)
        assert self.db is not None
        assert self.questions is not None
        feedback = (data or {}).get("feedback", {})
        if feedback.get("status") == "EXPIRED":
            async with self.db.transaction() as work:
                user_id = (await work.users.get_or_create("Maria Keller")).id
                [asked] = await work.feedback.missed(user_id)
                await work.feedback.answer(user_id, asked.id, "No, it stays on.")
        elif (data or {}).get("type") == "feedback_answered":
            self.questions.receive_answered(data or {})


async def test_an_answer_just_after_the_deadline_is_given_once(tmp_path: Path) -> None:
    bell, clock = QuickUser(), SystemClock()
    db = DatabaseManager(sqlite_url(tmp_path), InProcessDoorbell())
    await db.upgrade()
    user = await add_user(db)
    _, [task] = await add_campaign(db, user.id, sample_plan([NUMBER]))
    call = await db.create_call_attempt(CallCreate(user.id, task.campaign_id, task.id, NUMBER, None, "node"), 60)
    await db.close()
    told: list[str] = []
    running: list[asyncio.Task[None]] = []

    def spawn(work: Coroutine[Any, Any, None], name: str) -> None:
        running.append(asyncio.create_task(work, name=name))

    bell.db = db = DatabaseManager(sqlite_url(tmp_path), bell)
    records = CallRecords(RowWriter(db, clock), clock)
    ports = QuestionPorts(told.append, spawn)
    bell.questions = questions = UserQuestions(call, db, clock, records, ports, timeout_s=0.01, most=1)
    async with bell.listen(call_commands(call.id)) as commands:
        output = await questions.ask("c1", "Is the water off?", ())
        assert await commands.next(5) is not None
    await asyncio.gather(*running)
    await db.close()
    assert output == {"status": "answered", "answer": "No, it stays on."}
    assert told == []
    assert not questions.waiting
