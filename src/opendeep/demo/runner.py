"""Runs the demo: starts the product as its own process, drives it as a person would, judges from the database."""

import asyncio
import contextlib
import signal
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console

from opendeep.common.redis_client import InProcessDoorbell
from opendeep.config.app_config import load_config
from opendeep.database.db_manager import DatabaseManager
from opendeep.demo import story
from opendeep.demo.client import PageClient
from opendeep.demo.product import READY_DEADLINE_S, ProductFailed, running_product
from opendeep.demo.screen import LiveScreen, PlainScreen, Screen

CAMPAIGN_DEADLINE_S = 170.0
CHAT_ROUNDS = 6


class DemoFailed(Exception):
    """The demo cannot go on; the message says why."""


@dataclass(slots=True)
class _Run:
    """What the demo learned while it went."""

    names: dict[str, str] = field(default_factory=dict)
    spoken: dict[tuple[str, int], str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)


async def run_demo(console: Console, data_dir: Path | None = None, keep_open: bool = False) -> int:
    """Returns the exit code: 0 when every fate came true. The last line printed says the same."""
    directory = (data_dir or Path("var/demo") / datetime.now().strftime("%Y%m%d-%H%M%S")).absolute()
    directory.mkdir(parents=True, exist_ok=True)
    console.print(f"Starting OpenDeep on embedded defaults in {directory} (log: opendeep.log)", highlight=False)
    try:
        async with running_product(directory, MAX_CONCURRENT_CALLS="6") as product, PageClient(product.url) as page:
            url = product.url
            console.print(f"The page is at {url}", highlight=False)
            await page.healthy(READY_DEADLINE_S)
            user_id, campaign_id = await _play(page, console)
            verdict, code = await _conclude(page, console, directory, user_id, campaign_id)
            if keep_open:
                console.print(f"The page stays open at {url} (your name there: {story.USER_NAME}) until Ctrl-C.")
            console.print(verdict, highlight=False, markup=False, soft_wrap=True)
            if keep_open:
                await _until_interrupted()
    except (DemoFailed, ProductFailed, TimeoutError, OSError) as error:
        console.print(f"DEMO failed {type(error).__name__}: {error}", highlight=False, markup=False, soft_wrap=True)
        return 1
    return code


async def _play(page: PageClient, console: Console) -> tuple[UUID, UUID]:
    """Chat, confirm, and follow the campaign to its report."""
    session = await page.post("/api/session", {"user_name": story.USER_NAME})
    plan = await _plan(page, console)
    screen: Screen = LiveScreen(console) if console.is_terminal else PlainScreen(console)
    try:
        campaign_id = await _follow(page, screen, plan["plan_id"])
    finally:
        screen.stop()
    return UUID(session["user"]["id"]), UUID(campaign_id)


async def _plan(page: PageClient, console: Console) -> dict[str, Any]:
    """Type the request, answer the forms, until there is a plan that can be confirmed."""

    def show(who: str, text: str) -> None:
        console.print(f"{who}: {text}", highlight=False, markup=False, soft_wrap=True)

    show(story.USER_NAME, story.REQUEST)
    reply = await page.post("/api/chat", {"message": story.REQUEST})
    for _ in range(CHAT_ROUNDS):
        for step in reply.get("tool_steps", []):
            show("  looked up", f"{step.get('name', step.get('tool', ''))} {step.get('arguments', '')}")
        show("OpenDeep", reply["message"])
        if reply.get("plan_valid"):
            return reply
        if not reply.get("form"):
            raise DemoFailed(f"The assistant neither asked nor proposed a plan: {reply.get('problems')}")
        answers = story.fill_in(reply["form"])
        show(story.USER_NAME, "; ".join(f"{name}: {value}" for name, value in answers.items()))
        body = {"chat_id": reply["chat_id"], "message": "", "form_answers": answers}
        reply = await page.post("/api/chat", body)
    raise DemoFailed("There was no valid plan after several rounds of the chat.")


async def _follow(page: PageClient, screen: Screen, plan_id: str) -> str:
    """Confirm the plan and show what happens until the campaign is completed; answer what the AI asks."""
    run = _Run()
    campaign_id = ""
    async with asyncio.timeout(CAMPAIGN_DEADLINE_S), contextlib.aclosing(page.events()) as events:
        async for event in events:
            if event["type"] == "hello":
                campaign = await page.post("/api/execute_campaign", {"plan_id": plan_id})
                campaign_id = campaign["campaign"]["id"]
            elif event["type"] == "campaign" and event["campaign"]["status"] == "COMPLETED":
                break
            if event["type"] in ("hello", "resync"):
                for task in (await page.get(f"/api/campaigns/{campaign_id}"))["tasks"]:
                    run.names[task["id"]] = task["contact_name"]
                    screen.task(task)
            else:
                await _show(page, screen, run, event)
    return campaign_id


async def _show(page: PageClient, screen: Screen, run: _Run, event: dict[str, Any]) -> None:
    match event["type"]:
        case "task":
            screen.task(event["task"])
        case "call":
            screen.call(event["call"])
        case "transcript":
            turn = event["turn"]
            if run.spoken.get((turn["call_id"], turn["turn"])) == turn["text"]:
                return  # the same words with better times
            run.spoken[turn["call_id"], turn["turn"]] = turn["text"]
            screen.words(run.names.get(event["task_id"], "?"), turn["speaker"], turn["text"])
        case "feedback" if event["feedback"]["status"] == "PENDING":
            question = event["feedback"]
            screen.say(f"OpenDeep asks you: {question['question']}  You answer: {story.LIVE_ANSWER}")
            await page.post(f"/api/feedback/{question['id']}", {"answer": story.LIVE_ANSWER})
        case "event" if event["event"]["kind"] == "call.refused" or "dtmf" in event["event"]["kind"]:
            screen.say(f"{run.names.get(event['event']['task_id'], '?')}: {event['event']['detail']}")
        case _:
            pass


async def _conclude(
    page: PageClient, console: Console, directory: Path, user_id: UUID, campaign_id: UUID
) -> tuple[str, int]:
    """Print the report and what came true, from the database; returns the last line to print and the exit code."""
    report = await page.get(f"/api/campaigns/{campaign_id}/report")
    config = load_config(data_dir=directory, database_url=None)
    db = DatabaseManager(config.effective_database_url, InProcessDoorbell())
    try:
        evidence = await story.collect(db, user_id, campaign_id)
    finally:
        await db.close()
    out = console.print
    out(f"\n[bold]Report[/bold]: {report['headline']}", highlight=False)
    for paragraph in report["paragraphs"]:
        out(f"  {paragraph['text']}", highlight=False, markup=False, soft_wrap=True)
    out()
    verdicts = story.judge(evidence)
    for fate, came_true in verdicts:
        out(f"  {'[green]✔[/green]' if came_true else '[red]✘[/red]'} {fate.contact:<20} {fate.what}", highlight=False)
    calls = [call for e in evidence for call in e.calls]
    recordings = [call for call in calls if call.recording_path]
    where = directory / "recordings"
    out(f"\n{len(recordings)} recordings (left: callee, right: AI): {where}", highlight=False, soft_wrap=True)
    completed = sum(e.task.status == "COMPLETED" for e in evidence)
    failed = [fate.contact for fate, came_true in verdicts if not came_true]
    figures = f"tasks={len(evidence)} calls={len(calls)} completed={completed} report={campaign_id}"
    verdict = f"DEMO failed {figures} not as expected: {', '.join(failed)}" if failed else f"DEMO ok {figures}"
    return verdict, int(bool(failed))


async def _until_interrupted() -> None:
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
    await interrupted.wait()
