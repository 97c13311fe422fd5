"""Taking a live call over from its row in a real Chromium: the microphone is found by content on its way out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Locator, expect

from opendeep.audio_processing_service.live_messages import Sound, read_microphone, write_sound
from opendeep.common.channels import call_commands, call_microphone, call_sound
from opendeep.common.redis_client import Subscription
from tests.e2e.test_pages import Desk
from tests.e2e.test_phone_page import PERSON_HZ, beeps
from tests.support.browser import chromium, microphone, skip_without_browser, watch
from tests.support.sound import find_tones, mulaw_decode
from tests.support.web_world import WebWorld, dial, serving, web_world

pytestmark = pytest.mark.chromium

DEADLINE_S = 30.0


class LiveCall:
    """The call's side of the bell: takes orders, says who speaks."""

    def __init__(self, world: WebWorld, call_id: UUID, orders: Subscription) -> None:
        self._bell = world.bell
        self._call_id = call_id
        self._orders = orders

    async def order(self, kind: str) -> dict[str, Any]:
        """The next order of this kind."""
        async with asyncio.timeout(DEADLINE_S):
            while (message := await self._orders.next()) is None or message.data["type"] != kind:
                pass
        return dict(message.data)

    async def obey(self, kind: str) -> dict[str, Any]:
        order = await self.order(kind)
        done = "dtmf_sent" if kind == "send_dtmf" else "obeyed"
        await self._bell.ring(call_commands(self._call_id), {"type": done, "request_id": order["request_id"]})
        return order

    async def sound(self, guest: str | None, at_ms: int = 100) -> None:
        """100 ms of silence, and who speaks in them."""
        sound = Sound(at_ms, None, None, None, None, guest)
        await self._bell.ring(call_sound(self._call_id), write_sound(sound))


@pytest.fixture
def args(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    return microphone(beeps(tmp_path / "beeps.wav")) if getattr(request, "param", True) else []


@pytest.fixture
async def desk(tmp_path: Path, args: list[str]) -> AsyncIterator[Desk]:
    skip_without_browser()
    async with (
        web_world(tmp_path) as world,
        serving(world.app) as url,
        chromium(tmp_path / "profile", args=args, viewport={"width": 1280, "height": 860}) as context,
    ):
        page = context.pages[0]
        complaints = watch(page, url)
        complaints.expected = ("401 (Unauthorized)",)
        yield Desk(world, url, context, page, complaints)
        assert complaints.found == []


async def row_of_a_live_call(desk: Desk) -> tuple[UUID, Locator]:
    tasks = await desk.campaign()
    call = await dial(desk.world, tasks[0])
    row = desk.page.locator(".task-row").first
    await expect(row.get_by_role("button", name="Take over")).to_be_visible()
    return call.id, row


async def test_the_microphone_replaces_the_ai_until_the_call_is_given_back(desk: Desk) -> None:
    call_id, row = await row_of_a_live_call(desk)
    async with (
        desk.world.bell.listen(call_commands(call_id)) as orders,
        desk.world.bell.listen(call_microphone(call_id), capacity=1_000) as spoken,
    ):
        call = LiveCall(desk.world, call_id, orders)
        await row.get_by_role("button", name="Take over").click()
        guest = (await call.obey("take_over"))["listener"]
        await expect(row.get_by_role("button", name="Give back")).to_be_visible()
        await expect(row.get_by_role("button", name="Tell the AI")).to_be_disabled()
        heard = bytearray()
        async with asyncio.timeout(DEADLINE_S):
            while len(find_tones(mulaw_decode(bytes(heard)), PERSON_HZ, at_least_ms=80)) < 2:
                await call.sound(guest)
                message = await spoken.next(timeout=0.1)
                if message is not None:
                    heard += read_microphone(message.data, guest) or b""
        await expect(row.get_by_role("status").last).to_contain_text("You speak")
        assert (await call.order("listen"))["side"] == "callee"  # nobody hears themselves late

        await row.get_by_role("button", name="Give back").click()
        await call.obey("give_back")
        await call.sound(None)
        await expect(row.get_by_role("button", name="Take over")).to_be_visible()
        await expect(row.get_by_role("status").last).to_have_text("The AI speaks again.")
        await expect(row.get_by_role("button", name="Tell the AI")).to_be_enabled()
        assert (await call.order("listen"))["side"] == "both"

        await row.get_by_role("button", name="Take over").click()
        guest = (await call.obey("take_over"))["listener"]
        await expect(row.get_by_role("button", name="Give back")).to_be_visible()
        await call.sound(guest)
        await expect(row.get_by_role("status").last).to_contain_text("You speak")
        await call.sound(None)  # the call gave itself back
        await expect(row.get_by_role("status").last).to_contain_text("Your microphone was lost")
        await expect(row.get_by_role("button", name="Take over")).to_be_visible()


async def test_keys_are_pressed_from_the_row(desk: Desk) -> None:
    call_id, row = await row_of_a_live_call(desk)
    async with desk.world.bell.listen(call_commands(call_id)) as orders:
        call = LiveCall(desk.world, call_id, orders)
        await row.get_by_role("button", name="Keypad").click()
        await row.get_by_role("button", name="Key 1", exact=True).click()
        first = await call.order("send_dtmf")
        for key in "2#":
            await desk.page.keyboard.press(key)
        done = {"type": "dtmf_sent", "request_id": first["request_id"]}
        await desk.world.bell.ring(call_commands(call_id), done)
        assert (await call.obey("send_dtmf"))["digits"] == "2#"  # what was pressed meanwhile, in one order
        await expect(row.get_by_role("status").last).to_have_text("Pressed 12#.")


@pytest.mark.parametrize("args", [False], indirect=True)
async def test_without_a_microphone_nothing_is_taken_over(desk: Desk) -> None:
    call_id, row = await row_of_a_live_call(desk)
    async with desk.world.bell.listen(call_commands(call_id)) as orders:
        await row.get_by_role("button", name="Take over").click()
        await expect(row.get_by_role("status").last).to_contain_text("You can listen and press keys.")
        await expect(row.get_by_role("button", name="Take over")).to_be_visible()
        await expect(row.get_by_role("button", name="Stop listening")).to_be_visible()
        asked = [message.data["type"] for message in orders.drain()]
        assert "take_over" not in asked
