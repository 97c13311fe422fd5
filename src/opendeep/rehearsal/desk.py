"""The user of a rehearsal, as a program at the product's page: confirms plans, answers questions, waits for outcomes.

Everything goes through the public API and the page's live events. Only plans are put into the database directly, where
the chat would have put them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

import httpx
import structlog

from opendeep.common.campaign_plan import CampaignPlan
from opendeep.database.db_manager import DatabaseManager
from opendeep.demo.client import PageClient

log = structlog.get_logger(__name__)

USER_NAME: Final = "Rehearsal"
LIVE_ANSWER: Final = "Yes, for about half an hour."  # to whatever a callee wants to know
LOOK_AGAIN_S: Final = 5.0  # should an event have been missed
TERMINAL: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
WAITING: Final = frozenset({"NEEDS_USER", "ON_HOLD"})

Json = dict[str, Any]


class Desk:
    """One signed-in user with the page open. Enter `opened` to get one."""

    def __init__(self, page: PageClient, db: DatabaseManager, user_id: UUID) -> None:
        self._page = page
        self._db = db
        self.user_id = user_id
        self._changed = asyncio.Condition()
        self._told = 0  # events so far: whoever waits looks again when it grows

    async def begin(self, plan: CampaignPlan) -> UUID:
        """Confirm a plan; returns the campaign's id."""
        async with self._db.transaction() as work:
            chat_id = await work.chats.create(self.user_id)
            plan_id = await work.plans.save(self.user_id, chat_id, plan.model_dump(mode="json"))
        answer = await self._page.post("/api/execute_campaign", {"plan_id": str(plan_id)})
        return UUID(answer["campaign"]["id"])

    async def until_settled(self, campaign_id: UUID, attempts: int) -> None:
        """Wait until the campaign's one task needs no more calls, or has had so many and been analysed."""
        while True:
            told = self._told
            tasks = (await self._page.get(f"/api/campaigns/{campaign_id}"))["tasks"]
            if tasks and settled(tasks[0], attempts):
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S), self._changed:
                    await self._changed.wait_for(lambda seen=told: self._told > seen)  # type: ignore[misc]

    async def close(self, campaign_id: UUID) -> None:
        """No more calls of this campaign."""
        with contextlib.suppress(httpx.HTTPStatusError):  # it has ended by itself
            await self._page.post(f"/api/campaigns/{campaign_id}/cancel")

    async def lines_used(self) -> int:
        """How many lines the product says are in use."""
        return int((await self._page.get("/api/status"))["lines"].get("lines_used", 0))

    async def watch(self) -> None:
        """The page's live socket, for as long as the rehearsal goes on."""
        async with contextlib.aclosing(self._page.events()) as events:
            async for event in events:
                if event["type"] in ("task", "hello", "resync", "campaign"):
                    async with self._changed:
                        self._told += 1
                        self._changed.notify_all()
                elif event["type"] == "feedback":
                    await self._answer(event["feedback"])

    async def _answer(self, asked: Json) -> None:
        """Answer what the AI wants to know in mid-call; decisions between calls are left open, for the judge."""
        if asked["status"] != "PENDING" or asked["kind"] != "LIVE":
            return
        try:
            await self._page.post(f"/api/feedback/{asked['id']}", {"answer": LIVE_ANSWER})
        except httpx.HTTPError as error:
            log.warning("rehearsal.answer_refused", error=str(error))


def settled(task: Json, attempts: int) -> bool:
    """Whether the task has had its calls and nothing is going on."""
    if task["status"] in TERMINAL or (task["status"] in WAITING and task["attempts"] > 0):
        return True
    return bool(task["status"] == "SCHEDULED" and task["attempts"] >= attempts)


@contextlib.asynccontextmanager
async def opened(url: str, db: DatabaseManager, ready_s: float) -> AsyncIterator[Desk]:
    """Sign in, open the live socket, close both in the end. Raises TimeoutError when the product is late."""
    async with PageClient(url) as page:
        await page.healthy(ready_s)
        session = await page.post("/api/session", {"user_name": USER_NAME})
        desk = Desk(page, db, UUID(session["user"]["id"]))
        watching = asyncio.create_task(desk.watch(), name="rehearsal-page")
        try:
            yield desk
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
