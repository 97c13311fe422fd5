"""The web interface and the simulated switch with the telephones in the browsers between them.

`Place` originates calls as the product does, each with its row; `Page` is a browser's telephone at the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from opendeep.common.data_models import Task
from opendeep.common.errors import NotFound
from opendeep.simulation.browser_phones import BrowserPhones
from opendeep.web_interface.app import create_app
from tests.support.web_world import PLAN, WebWorld, dial, serving, web_world, wish
from tests.unit.simulation.support import PeerCall, World, world

DEADLINE_S = 20.0


@dataclass
class Page:
    """A browser's telephone at the wire."""

    socket: ClientConnection
    messages: list[dict[str, Any]] = field(default_factory=list)
    sound: bytearray = field(default_factory=bytearray)
    closed: tuple[int, str] | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def read(self) -> None:
        try:
            async for data in self.socket:
                async with self.changed:
                    if isinstance(data, bytes):
                        self.sound += data
                    else:
                        self.messages.append(orjson.loads(data))
                    self.changed.notify_all()
        except ConnectionClosed:
            pass
        async with self.changed:
            self.closed = (self.socket.close_code or 0, self.socket.close_reason or "")
            self.changed.notify_all()

    async def wait(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S), self.changed:
            await self.changed.wait_for(holds)

    async def told(self, kind: str, call_id: str = "") -> dict[str, Any]:
        """The first message of this kind, and about this call, past or to come."""

        def found() -> list[dict[str, Any]]:
            about = [message for message in self.messages if message["type"] == kind]
            return [message for message in about if call_id in ("", message.get("call_id"))]

        await self.wait(found)
        return found()[0]

    async def do(self, kind: str, **words: Any) -> None:
        await self.socket.send(orjson.dumps({"type": kind, **words}).decode())


@dataclass
class Place:
    """The web interface, the switch, and the way from one to the other."""

    web: WebWorld
    switch: World
    url: str
    tasks: list[Task]
    looked_up: asyncio.Queue[str]  # the channels whose owner the phones have asked for

    async def cookie(self, name: str) -> str:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            await client.post("/api/session", json={"user_name": name})
            return "; ".join(f"{key}={value}" for key, value in client.cookies.items())

    def socket(self, cookies: str | None, origin: str | None = "same") -> connect:
        headers = {"Cookie": cookies} if cookies else {}
        address = self.url.replace("http", "ws", 1) + "/ws/phone"
        origin = self.url if origin == "same" else origin
        return connect(address, additional_headers=headers, origin=origin, proxy=None)  # type: ignore[arg-type]

    @asynccontextmanager
    async def page(self, name: str = "Maria Keller") -> AsyncIterator[Page]:
        """A page that is ready to ring."""
        async with self.socket(await self.cookie(name)) as socket:
            page = Page(socket)
            reading = asyncio.create_task(page.read(), name="phone-page")
            try:
                await page.told("hello")
                yield page
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    async def ring(self, number: int = 0, *headers: tuple[str, str]) -> str:
        """Originate a call for one of Maria's tasks; its row is there first, as in the product."""
        call_id = str((await dial(self.web, self.tasks[number])).id)
        caller = ("CallerID", '"OpenDeep" <100>')
        response = await self.switch.ami.originate("PJSIP/7000", call_id, self.switch.data(call_id), caller, *headers)
        assert response["Response"] == "Success"
        async with asyncio.timeout(DEADLINE_S):
            assert await self.looked_up.get() == call_id  # the switch's time stands still until then
        return call_id

    async def until(self, holds: Callable[[], object]) -> None:
        """Let the switch's time go on until this is so."""
        async with asyncio.timeout(DEADLINE_S):
            while not holds():
                self.switch.ticker.advance(20)
                await asyncio.sleep(0)

    async def answered(self, page: Page, number: int = 0) -> tuple[str, PeerCall]:
        """Ring, pick up on this page, and wait for the caller's end of the sound."""
        before = len(self.switch.peer.calls)
        call_id = await self.ring(number)
        await page.told("ring", call_id)
        await page.do("answer", call_id=call_id)
        await page.told("connected", call_id)
        peer = self.switch.peer
        await self.until(lambda: len(peer.calls) > before and peer.calls[-1].call_id is not None)
        return call_id, peer.calls[-1]

    async def hung_up(self, call_id: str) -> dict[str, str]:
        """The event with which the call ended."""
        ami = self.switch.ami
        await self.until(lambda: ami.events("Hangup", call_id))
        return ami.events("Hangup", call_id)[-1]


@asynccontextmanager
async def phone_world(directory: Path) -> AsyncIterator[Place]:
    """Maria has a plan with three contacts; the switch's time stands still until a test moves it."""
    async with web_world(directory) as web, world() as switch:
        looked_up: asyncio.Queue[str] = asyncio.Queue()

        async def owner_of(channel_id: str) -> UUID | None:
            try:
                return (await web.db.get_call_by_id(UUID(channel_id))).user_id
            except NotFound:
                return None
            finally:
                looked_up.put_nowait(channel_id)

        phones = BrowserPhones(owner_of)
        switch.switch.attach(phones)
        user = await web.services.campaigns.sign_in("Maria Keller")
        web.model.say("Here is the plan.", campaign_plan=PLAN)
        reply = await web.services.assistant.chat(user.id, None, wish())
        assert reply.plan_id is not None
        campaign = await web.services.orchestrator.execute_campaign(user.id, reply.plan_id)
        async with web.db.read() as work:
            tasks = await work.tasks.of_campaign(user.id, campaign.id)
        async with serving(create_app(replace(web.services, phones=phones), web.config)) as url:
            yield Place(web, switch, url, tasks, looked_up)
