"""The page of one call in a real Chromium: sound and words in step, what came of it with its proof, hostile words."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import expect

from opendeep.common.data_models import Disposition, Speaker
from tests.support.browser import chromium, skip_without_browser, watch
from tests.support.pages import confirmed_campaign
from tests.support.web_world import PLAN, dial, finish, serving, speak, web_world

pytestmark = pytest.mark.chromium

EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
AT = "document.querySelector('#sound audio').currentTime"


def record(path: Path) -> None:
    """Ten seconds of stereo at 8 kHz: the callee speaks in the first half, we in the second."""
    half = np.full(5 * 8_000, 12_000, "<i2"), np.zeros(5 * 8_000, "<i2")
    stereo = np.stack([np.concatenate(half), np.concatenate(half[::-1])], axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(stereo.tobytes())


async def test_a_call_is_heard_read_and_proved(tmp_path: Path) -> None:
    skip_without_browser()
    async with (
        web_world(tmp_path) as world,
        serving(world.app) as url,
        chromium(tmp_path / "profile", viewport={"width": 1280, "height": 900}) as context,
    ):
        page = context.pages[0]
        complaints = watch(page, url)
        complaints.expected = ("401 (Unauthorized)",)
        user_id, campaign_id = await confirmed_campaign(world, page, url, PLAN)
        async with world.db.read() as work:
            task = (await work.tasks.of_campaign(user_id, campaign_id))[0]
        call = await dial(world, task)
        await speak(world, call, 1, Speaker.AI, "Does Tuesday at ten work for you?")
        await page.goto(f"{url}/calls/{call.id}")
        await expect(page.locator("#transcript li")).to_have_count(1)
        await expect(page.locator("#sound")).to_contain_text("when the call has ended")
        await speak(world, call, 2, Speaker.CALLEE, f"ten is fine {EVIL}")  # told while the page is open
        await speak(world, call, 3, Speaker.AI, "Thank you.")
        await expect(page.locator("#transcript li")).to_have_count(3)
        await expect(page.locator("#turn-2")).to_contain_text(EVIL)
        await expect(page.locator("#turn-3 .latency")).to_have_text("0.5 s")
        record(tmp_path / "call.wav")
        await finish(world, call, Disposition.ACHIEVED, f"She agreed. {EVIL}", "call.wav")

        await expect(page.locator("#facts .pill")).to_have_text("Achieved")
        await expect(page.locator("#result")).to_contain_text(f"She agreed. {EVIL}")
        picture = page.locator("canvas.waveform")
        await expect(picture).to_be_visible()
        drawn = (
            "c => new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer).some(p => p)"
        )
        assert await picture.evaluate(drawn)
        await page.wait_for_function("document.querySelector('#sound audio').duration > 9")
        await page.get_by_role("button", name="turn 2").click()
        await expect(page.locator("#turn-2")).to_be_focused()
        await page.wait_for_function(f"{AT} >= 4 && {AT} < 5.5")
        await expect(page.locator("#turn-2")).to_have_attribute("aria-current", "true")
        box = await picture.bounding_box()
        assert box is not None
        await picture.click(position={"x": box["width"] * 0.9, "y": 20})
        await page.wait_for_function(f"{AT} > 8.5")
        await expect(page.locator("#turn-3")).to_have_attribute("aria-current", "true")
        await page.get_by_role("link", name="Campaign", exact=True).click()
        await expect(page.locator("#page-title")).to_contain_text(PLAN["title"])
        assert complaints.found == []
        assert await page.evaluate("window.hacked") is None
