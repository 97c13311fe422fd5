"""The real program as a child process, and a user at its page: what the end-to-end tests of the whole loop share."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from opendeep.config.app_config import embedded_environment
from opendeep.demo.client import PageClient

ROOT = Path(__file__).parents[2]
READY_LINE = "OPENDEEP ready "
START_DEADLINE_S = 90.0
STOP_DEADLINE_S = 90.0


@dataclass(slots=True)
class Product:
    """The running program: its process, its log and its address."""

    process: asyncio.subprocess.Process
    log: Path
    url: str = ""

    async def ready(self) -> None:
        """Wait until it says that it serves."""
        assert self.process.stdout is not None
        async with asyncio.timeout(START_DEADLINE_S):
            while line := (await self.process.stdout.readline()).decode():
                if line.startswith(READY_LINE):
                    self.url = line.removeprefix(READY_LINE).strip()
                    return
        pytest.fail(f"the program ended before it was ready:\n{self.log.read_text()[-3000:]}")

    async def exit_code(self) -> int:
        async with asyncio.timeout(STOP_DEADLINE_S):
            return await self.process.wait()

    def events(self) -> list[str]:
        """The names of all log events so far."""
        return [json.loads(line)["event"] for line in self.log.read_text().splitlines() if line.startswith("{")]


@contextlib.asynccontextmanager
async def product(directory: Path, **settings: str) -> AsyncIterator[Product]:
    """`python main.py` on embedded defaults with `settings` on top; killed at the end if it still runs."""
    defaults = {"DATA_DIR": str(directory), "WEB_PORT": "0", "AUDIOSOCKET_PORT": "0", "LOG_FORMAT": "json"}
    log = directory / "log"
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(ROOT / "main.py"),
            env=embedded_environment(**(defaults | settings)),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
        try:
            yield Product(process, log)
        finally:
            if process.returncode is None:
                process.kill()
            # Close the pipe too: an unread transport warns when it is collected.
            await process.communicate()


@dataclass(slots=True)
class UserAtPage:
    """A signed-in user who types, answers forms, confirms, and watches the live events in the background."""

    page: PageClient
    seen: list[dict[str, Any]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    connected: asyncio.Event = field(default_factory=asyncio.Event)

    async def plan(self, request: str, **answers: str) -> dict[str, Any]:
        """Chat until there is a valid plan; `answers` by form field, any other field keeps its proposal."""
        reply = await self.page.post("/api/chat", {"message": request})
        for _ in range(5):
            if reply["plan_valid"]:
                return reply
            assert reply["form"], reply
            filled = {f["name"]: answers.get(f["name"], f["value"] or "") for f in reply["form"]["fields"]}
            body = {"chat_id": reply["chat_id"], "message": "", "form_answers": filled}
            reply = await self.page.post("/api/chat", body)
        pytest.fail(f"no valid plan: {reply}")

    async def confirm(self, plan: dict[str, Any]) -> str:
        """Confirm and return the campaign's id."""
        answer = await self.page.post("/api/execute_campaign", {"plan_id": plan["plan_id"]})
        return str(answer["campaign"]["id"])

    async def until(self, wanted: Callable[[dict[str, Any]], bool], deadline_s: float = 60.0) -> dict[str, Any]:
        """The first live event, past or to come, that is `wanted`."""
        async with asyncio.timeout(deadline_s), self.changed:
            while True:
                for event in self.seen:
                    if wanted(event):
                        return event
                await self.changed.wait()

    async def until_said(self, speaker: str, words: str, deadline_s: float = 60.0) -> dict[str, Any]:
        """Until this was spoken in a live call."""

        def spoken(event: dict[str, Any]) -> bool:
            turn = event.get("turn", {})
            return turn.get("speaker") == speaker and words.lower() in turn["text"].lower()

        return await self.until(spoken, deadline_s)

    async def until_task(self, status: str, deadline_s: float = 90.0, **fields: Any) -> dict[str, Any]:
        """Until a task is in `status` and has these fields."""

        def there(event: dict[str, Any]) -> bool:
            task = event.get("task", {})
            return task.get("status") == status and all(task[name] == value for name, value in fields.items())

        return dict((await self.until(there, deadline_s))["task"])

    async def watch(self) -> None:
        """The background task that reads the live socket."""
        async with contextlib.aclosing(self.page.events()) as events:
            async for event in events:
                async with self.changed:
                    self.seen.append(event)
                    self.changed.notify_all()
                self.connected.set()

    def forget(self) -> None:
        """Wait for new events only from here on."""
        self.seen.clear()


@contextlib.asynccontextmanager
async def user_at_page(url: str, name: str = "Maria Keller") -> AsyncIterator[UserAtPage]:
    """Sign in and open the live socket."""
    async with PageClient(url) as page:
        await page.healthy(START_DEADLINE_S)
        await page.post("/api/session", {"user_name": name})
        user = UserAtPage(page)
        watching = asyncio.create_task(user.watch(), name="page-socket")
        async with asyncio.timeout(START_DEADLINE_S):
            await user.connected.wait()
        try:
            yield user
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
