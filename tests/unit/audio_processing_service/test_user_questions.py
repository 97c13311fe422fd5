"""The questions of one call at moments that no test of a whole call can hit."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opendeep.audio_processing_service.call_records import CallRecords
from opendeep.audio_processing_service.row_writer import RowWriter
from opendeep.audio_processing_service.tool_ground import Output, ToolGround, ToolLimits, ToolRequest
from opendeep.audio_processing_service.user_questions import QuestionPorts, UserQuestions
from opendeep.common.clock import SystemClock
from opendeep.common.data_models import CallCreate
from opendeep.common.redis_client import InProcessDoorbell
from opendeep.database.db_manager import DatabaseManager
from tests.support.database import add_campaign, add_user, sample_plan, sqlite_url

NUMBER = "+12025550101"
ANSWER = "No, it stays on."


class QuickUser(InProcessDoorbell):
    """A user who, when `quick`, answers as soon as the page says that the time is up."""

    def __init__(self) -> None:
        super().__init__()
        self.desk: Desk | None = None
        self.quick = True

    async def ring(self, channel: str, data: Mapping[str, Any] | None = None) -> None:
        await super().ring(channel, data)
        if self.desk is None or not data:
            return
        if data.get("type") == "feedback_answered":
            self.desk.questions.receive_answered(data)
        elif self.quick and data.get("feedback", {}).get("status") == "EXPIRED":
            await self.desk.answer()


@dataclass
class Desk:
    """One call's questions, what the AI was told, and what runs for them."""

    db: DatabaseManager
    bell: QuickUser
    questions: UserQuestions
    told: list[str]
    running: list[asyncio.Task[None]] = field(default_factory=list)

    async def ask(self) -> Output:
        asked = {"question": "Is the water off?"}
        return await self.questions.request_user_feedback(ToolRequest("c1", "request_user_feedback", ""), asked)

    async def answer(self) -> None:
        async with self.db.transaction() as work:
            user_id = (await work.users.get_or_create("Maria Keller")).id
            [asked] = await work.feedback.missed(user_id)
            await work.feedback.answer(user_id, asked.id, ANSWER)


@asynccontextmanager
async def a_desk(tmp_path: Path) -> AsyncIterator[Desk]:
    bell, clock, told = QuickUser(), SystemClock(), list[str]()
    db = DatabaseManager(sqlite_url(tmp_path), bell)
    await db.upgrade()
    user = await add_user(db)
    _, [task] = await add_campaign(db, user.id, sample_plan([NUMBER]))
    call = await db.create_call_attempt(CallCreate(user.id, task.campaign_id, task.id, NUMBER, None, "node"), 60)

    def spawn(work: Coroutine[Any, Any, None], name: str) -> None:
        desk.running.append(asyncio.create_task(work, name=name))

    records = CallRecords(RowWriter(db, clock), clock)
    ports = QuestionPorts(told.append, spawn)
    async with db.read() as work:
        brief = await work.calls.brief(call.id)
    limits = ToolLimits(feedback_timeout_s=0.01, max_feedback=1)
    questions = UserQuestions(ToolGround(brief, db, bell, clock, records, limits, lambda: None), ports)
    desk = bell.desk = Desk(db, bell, questions, told)
    yield desk
    await db.close()


async def test_an_answer_just_after_the_deadline_is_given_once(tmp_path: Path) -> None:
    """The question is expired, and nobody in the call knows it yet."""
    async with a_desk(tmp_path) as desk:
        assert await desk.ask() == {"status": "answered", "answer": ANSWER}
        assert desk.running == []
        assert not desk.questions.waiting


async def test_a_late_answer_is_told_once_however_often_the_bell_rings(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as desk:
        desk.bell.quick = False
        assert (await desk.ask())["status"] == "expired"
        async with desk.db.read() as work:
            [asked] = await work.feedback.missed((await work.users.get_or_create("Maria Keller")).id)
        await desk.answer()
        for rung in (str(asked.id), "what?", None):
            desk.questions.receive_answered({"feedback_id": rung})
        await asyncio.gather(*desk.running)
        assert len(desk.told) == 1
        assert ANSWER in desk.told[0]
