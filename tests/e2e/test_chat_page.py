"""The chat in a real Chromium while a slow provider answers: words and steps as they come, Stop, a lost connection."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest
from playwright.async_api import Page, Route, expect

from opendeep.llm_integrations.openai_form_client import OpenAIFormClient
from opendeep.tools.information_retriever_svc import SEARCH_TOOL
from tests.support.browser import chromium, skip_without_browser, watch
from tests.support.minds import ScriptedProvider, Streamed, streamed, tool_call
from tests.support.web_world import serving, web_world

pytestmark = pytest.mark.chromium

EVIL = "<img src=x onerror=window.hacked=1>"
DEADLINE_S = 120.0


class Search:
    """The look-ups: one that waits for the test, with a good source and two that must not become links to anything."""

    def __init__(self) -> None:
        self.release = asyncio.Event()

    def tool_definitions(self) -> list[dict[str, object]]:
        return [{"name": SEARCH_TOOL, "description": "Search.", "parameters": {"type": "object"}}]

    async def call(self, name: str, arguments: object) -> dict[str, object]:
        await self.release.wait()
        sources = [
            {"title": f"A page {EVIL}", "uri": "https://example.org/a?b=<c>"},
            {"title": "Not a page", "uri": "javascript:window.hacked=1"},
            {"title": "Neither", "uri": "no address"},
        ]
        return {"status": "found", "text": EVIL, "sources": sources}


def answer(message: str) -> str:
    return orjson.dumps({"message": message, "form": None, "campaign_plan": None}).decode()


async def write(page: Page, text: str) -> None:
    await page.get_by_label("Message", exact=True).fill(text)
    await page.keyboard.press("Enter")


async def test_the_answer_grows_can_be_stopped_and_survives_a_lost_connection(tmp_path: Path) -> None:
    skip_without_browser()
    search, gate, never = Search(), asyncio.Event(), asyncio.Event()
    slow = streamed(['{"message": "I will call ', never])
    answers: list[Streamed] = [
        streamed([], calls=[tool_call("a", SEARCH_TOOL, orjson.dumps({"query": EVIL}).decode())]),
        streamed([f'{{"message": "Found {EVIL} ', gate, 'and more.", "form": null, "campaign_plan": null}']),
        slow,
        streamed([answer("I am back.")]),
    ]
    async with ScriptedProvider(list(answers)).serving() as provider:
        llm = OpenAIFormClient("key", provider, "m", 60_000)
        async with (
            asyncio.timeout(DEADLINE_S),
            web_world(tmp_path, llm=llm, look_ups=search) as world,
            serving(world.app) as url,
            chromium(tmp_path / "profile", viewport={"width": 1280, "height": 860}) as context,
        ):
            page = context.pages[0]
            complaints = watch(page, url)
            complaints.expected = ("401 (Unauthorized)",)
            await page.goto(url)
            await page.wait_for_selector("html[data-ready=yes]")
            await _grows(page, search, gate)
            await _stops(page, slow)
            await _is_lost(page)
            assert complaints.found == []
            assert await page.evaluate("window.hacked") is None
        await llm.close()


async def _grows(page: Page, search: Search, gate: asyncio.Event) -> None:
    await write(page, "Search the web.")
    last = page.locator(".message.assistant").last
    step = last.locator(".tool-steps li")
    await expect(step).to_have_class("running")
    await expect(step).to_have_text(f"Searching for {EVIL}…")
    await expect(page.get_by_role("button", name="Send")).to_be_hidden()
    search.release.set()
    await expect(step).to_contain_text(f"Searched for {EVIL}")
    await expect(step.get_by_role("link")).to_have_count(1)
    link = step.get_by_role("link")
    await expect(link).to_have_text(f"A page {EVIL}")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    await expect(last.locator(".text")).to_have_text(f"Found {EVIL}")  # the rest is still with the provider
    await expect(last.locator("[aria-busy=true]")).to_have_count(1)
    before = await last.locator(".text").bounding_box()
    gate.set()
    await expect(last.locator(".text")).to_have_text(f"Found {EVIL} and more.")
    await expect(last.locator("[aria-busy=true]")).to_have_count(0)
    after = await last.locator(".text").bounding_box()
    assert before
    assert after
    assert (before["x"], before["y"]) == (after["x"], after["y"])  # what is read does not move
    await expect(page.get_by_role("button", name="Send")).to_be_visible()


async def _stops(page: Page, slow: Streamed) -> None:
    await write(page, "Call somebody.")
    last = page.locator(".message.assistant").last
    await expect(last).to_contain_text("I will call")
    await page.get_by_role("button", name="Stop").click()
    await expect(last).to_contain_text("Stopped. What you see is kept.")
    await slow.left.wait()  # the provider's request has ended too
    await page.reload()
    await expect(page.locator(".message.assistant").last).to_contain_text("I will call")
    await expect(page.locator(".message.assistant").last).to_contain_text("Stopped. What you see is kept.")


async def _is_lost(page: Page) -> None:
    chat_id = await page.evaluate("Object.entries(localStorage).find(([key]) => key.startsWith('opendeep.chat.'))[1]")

    async def broken(route: Route) -> None:
        opened = orjson.dumps({"chat_id": chat_id, "user": {}}).decode()
        body = f'event: opened\ndata: {opened}\n\nevent: text\ndata: {{"text":"I beg"}}\n\n'
        await route.fulfill(status=200, content_type="text/event-stream", body=body)

    await page.route("**/api/chat/stream", broken)
    await write(page, "Are you there?")
    last = page.locator(".message.assistant").last
    await expect(last).to_contain_text("I beg")
    await expect(last).to_contain_text("The connection was lost. What you see is kept.")
    await page.unroute("**/api/chat/stream")
    await last.get_by_role("button", name="Ask again").click()
    await expect(page.locator(".message.assistant").last).to_contain_text("I am back.")
