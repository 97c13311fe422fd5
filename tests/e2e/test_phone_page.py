"""The telephone in a real Chromium: it rings, is answered with a microphone or without, speaks, hears, presses keys.

The caller is the test, through the simulated switch; once the whole product is, and the words are in its transcript.
"""

from __future__ import annotations

import asyncio
import contextlib
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.support.browser import Complaints, chromium, microphone, skip_without_browser, watch
from tests.support.phone_world import Place, phone_world
from tests.support.product import product
from tests.support.sound import find_tones, silence, sine
from tests.support.voices import spoken
from tests.unit.simulation.support import PeerCall

pytestmark = pytest.mark.chromium

PERSON_HZ, CALLER_HZ = 1_000, 500
MICROPHONE_HZ = 48_000
WHOLE_LOOP_MS = 120_000
TICK_S = 0.02
MAX_WAIT_MS = 300


def record(path: Path, pcm: bytes, rate: int = 8_000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return path


def beeps(path: Path) -> Path:
    """A tone that comes and goes, as the browser takes steady ones for noise."""
    beep = sine(PERSON_HZ, 300, level_dbfs=-6, sample_rate=MICROPHONE_HZ)
    return record(path, beep + silence(300, MICROPHONE_HZ), MICROPHONE_HZ)


@contextlib.asynccontextmanager
async def time_goes_on(place: Place) -> AsyncIterator[None]:
    """The switch's clock follows the wall's, and the caller of every call plays a tone."""
    tone = sine(CALLER_HZ, 20)

    async def go() -> None:
        loop = asyncio.get_running_loop()
        begin, ticks = loop.time(), 0
        while True:
            ticks += 1
            await asyncio.sleep(max(0.0, begin + ticks * TICK_S - loop.time()))
            for call in place.switch.peer.calls:
                if not call.closed:
                    call.say(tone)
            place.switch.ticker.advance(20)

    clock = asyncio.create_task(go(), name="switch-clock")
    try:
        yield
    finally:
        clock.cancel()
        await asyncio.gather(clock, return_exceptions=True)


async def open_page(place: Place, page: Page, name: str = "Maria Keller") -> Complaints:
    """Sign in and wait until the phone is on."""
    complaints = watch(page, place.url)
    complaints.expected = ("401 (Unauthorized)",)
    await page.context.request.post(f"{place.url}/api/session", data={"user_name": name})
    await page.goto(place.url)
    await expect(page.locator("#phone-toggle")).to_have_attribute("data-state", "live")
    return complaints


def phone(page: Page) -> Any:
    return page.get_by_role("region", name="Phone", exact=True)


async def until_caller_hears(place: Place, call: PeerCall) -> None:
    """The microphone's beeps have come through the page and the network, by content."""
    await place.switch.peer.wait(lambda: len(find_tones(call.pcm, PERSON_HZ, at_least_ms=80)) >= 2)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    skip_without_browser()
    async with phone_world(tmp_path) as built, time_goes_on(built):
        yield built


@pytest.fixture
async def browser(tmp_path: Path, place: Place) -> AsyncIterator[BrowserContext]:
    flags = microphone(beeps(tmp_path / "beeps.wav"))
    async with chromium(tmp_path / "profile", args=flags, viewport={"width": 1280, "height": 860}) as context:
        yield context


async def test_it_rings_is_answered_speaks_hears_presses_keys_and_hangs_up(
    place: Place, browser: BrowserContext
) -> None:
    page, other = browser.pages[0], await browser.new_page()
    complaints = [await open_page(place, each) for each in (page, other)]
    call_id = await place.ring()
    for each in (page, other):
        await expect(phone(each)).to_contain_text("OpenDeep, 100")
        await expect(each.get_by_role("alert").filter(has_text="Your phone rings")).to_have_count(1)
    await phone(page).get_by_role("button", name="Answer").click()
    await expect(phone(page)).to_contain_text("In a call")
    await expect(phone(other)).to_contain_text("Answered on another page.")
    call = (await calls_of(place, 1))[0]
    await until_caller_hears(place, call)

    caller = phone(page).get_by_label("Level of the caller")
    await page.wait_for_function("meter => meter.value > -30", arg=await caller.element_handle())
    you = phone(page).get_by_label("Level of your microphone")
    await page.wait_for_function("meter => meter.value > -40", arg=await you.element_handle())
    await page.wait_for_function("() => 'waitingMs' in document.querySelector('#phone').dataset")
    assert int(await page.locator("#phone").get_attribute("data-waiting-ms") or "") <= MAX_WAIT_MS

    await phone(page).get_by_role("button", name="Keypad").click()
    await phone(page).get_by_role("button", name="Key 4").click()
    await page.keyboard.press("#")
    await place.switch.peer.wait(lambda: call.digits == "4#")
    await place.switch.ami.send("PlayDTMF", ("Channel", call_id), ("Digit", "9"))
    await expect(phone(page)).to_contain_text("The caller pressed 9.")

    await phone(page).get_by_role("button", name="Hang up").click()
    await place.switch.ami.wait(lambda: place.switch.ami.events("Hangup", call_id))
    await expect(phone(page)).to_contain_text("The call has ended.")
    await phone(page).get_by_role("button", name="Close").click()
    await expect(phone(page)).to_be_hidden()
    assert [each.found for each in complaints] == [[], []]


async def test_declined_or_missed_or_switched_off(place: Place, browser: BrowserContext) -> None:
    page = browser.pages[0]
    complaints = await open_page(place, page)
    declined = await place.ring()
    await phone(page).get_by_role("button", name="Decline").click()
    await expect(phone(page)).to_be_hidden()
    await place.switch.ami.wait(lambda: place.switch.ami.events("Hangup", declined))
    missed = await place.ring(1, ("Timeout", "1000"))
    await place.switch.ami.wait(lambda: place.switch.ami.events("Hangup", missed))
    await expect(phone(page)).to_contain_text("Missed call: OpenDeep, 100.")
    toggle = page.locator("#phone-toggle")
    await toggle.click()
    await expect(toggle).to_have_text("Phone 7000, off")
    await page.reload()
    await expect(toggle).to_have_attribute("aria-pressed", "false")
    await place.ring(2)
    await calls_of(place, 1)  # the callee of the files has answered
    await expect(phone(page)).to_be_hidden()
    assert complaints.found == []


async def test_without_a_microphone_one_can_listen_and_press_keys(place: Place, tmp_path: Path) -> None:
    async with chromium(tmp_path / "profile") as context:
        page = context.pages[0]
        complaints = await open_page(place, page)
        await place.ring()
        await phone(page).get_by_role("button", name="Answer").click()
        await expect(phone(page)).to_contain_text("You can listen and press keys.")
        await expect(phone(page).get_by_role("button", name="Mute")).to_be_hidden()
        caller = phone(page).get_by_label("Level of the caller")
        await page.wait_for_function("meter => meter.value > -30", arg=await caller.element_handle())
        await phone(page).get_by_role("button", name="Keypad").click()
        await phone(page).get_by_role("button", name="Key star").click()
        call = (await calls_of(place, 1))[0]
        await place.switch.peer.wait(lambda: call.digits == "*")
        assert complaints.found == []


async def calls_of(place: Place, count: int) -> list[PeerCall]:
    """The caller's ends, once there are so many."""
    await place.switch.peer.wait(lambda: len(place.switch.peer.calls) >= count)
    return place.switch.peer.calls


@pytest.mark.natural_voice
async def test_the_whole_product_calls_the_page_and_writes_down_what_is_said_there(tmp_path: Path) -> None:
    skip_without_browser()
    folder = tmp_path / "data"
    folder.mkdir()
    said = record(tmp_path / "said.wav", spoken("yes, tuesday at ten works", "rms") + silence(6_000))
    async with product(folder) as program, chromium(tmp_path / "profile", args=microphone(said)) as context:
        await program.ready()
        page = context.pages[0]
        complaints = watch(page, program.url)
        complaints.expected = ("401 (Unauthorized)",)
        await page.goto(program.url)
        await page.get_by_label("Your name").fill("Maria Keller")
        await page.get_by_role("button", name="Call me at 7000").click()  # an example writes it
        await page.get_by_role("button", name="Send").click()
        await page.get_by_label("When may I call?").select_option("any time", timeout=WHOLE_LOOP_MS)
        await page.get_by_role("button", name="Submit Answers").click()
        await page.get_by_role("button", name="Confirm and Schedule Campaign").click(timeout=WHOLE_LOOP_MS)
        await phone(page).get_by_role("button", name="Answer").click(timeout=WHOLE_LOOP_MS)
        caller = phone(page).get_by_label("Level of the caller")
        speaks = "meter => meter.value > -40"
        await page.wait_for_function(speaks, arg=await caller.element_handle(), timeout=WHOLE_LOOP_MS)
        heard = page.locator(".task-row .turn.callee").filter(has_text="ten work")
        await expect(heard.first).to_be_visible(timeout=WHOLE_LOOP_MS)
        assert int(await page.locator("#phone").get_attribute("data-waiting-ms") or "") <= MAX_WAIT_MS
        hang_up = phone(page).get_by_role("button", name="Hang up")
        with contextlib.suppress(PlaywrightTimeout):  # the AI may have said goodbye first
            await hang_up.click(timeout=1_000)
        await expect(phone(page)).to_contain_text("The call has ended.", timeout=WHOLE_LOOP_MS)
        assert complaints.found == []
