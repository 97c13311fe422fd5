"""From a chat to an outcome on a real Asterisk: the phone at 7000 rings, sound passes both ways and is checked by
content, keys arrive, and a hang-up from either side ends cleanly.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from opendeep.offline.speech import SpeechEngines
from tests.support.asterisk import RealAsterisk
from tests.support.callees import Callees
from tests.support.product import UserAtPage, product, user_at_page
from tests.support.sip_callee import RecordingCallee
from tests.support.sound import find_sound, rms_dbfs

pytestmark = pytest.mark.asterisk

PURPOSE = "book the yearly boiler inspection on Tuesday at ten"
FORM = {"call_window": "any time", "retry_minutes": "0.1"}
QUESTION = "Does Tuesday at ten work for you?"
DISCLOSURE = "This is an AI assistant calling on behalf of Maria Keller."
MATCH = 0.5  # correlation of a known sentence with what a µ-law line delivers of it
DEADLINE_S = 60.0
PAUSE_MS = 700
BYTES_PER_MS = 16
SILENCE_DBFS = -60.0


def address_of(asterisk: RealAsterisk) -> dict[str, str]:
    return {
        "ASTERISK_AMI_HOST": asterisk.ami_host,
        "ASTERISK_AMI_PORT": str(asterisk.ami_port),
        "ASTERISK_AMI_USERNAME": asterisk.ami_username,
        "ASTERISK_AMI_SECRET": asterisk.ami_secret,
    }


@pytest_asyncio.fixture
async def user(real_asterisk: RealAsterisk, tmp_path: Path) -> AsyncIterator[UserAtPage]:
    """A user of a program that dials over the real Asterisk."""
    async with product(tmp_path, **address_of(real_asterisk)) as program:
        await program.ready()
        async with user_at_page(program.url) as user:
            yield user


@pytest_asyncio.fixture
async def speech() -> AsyncIterator[SpeechEngines]:
    async with SpeechEngines(workers=1) as engines:
        yield engines


async def nobody_on_a_line(user: UserAtPage) -> None:
    """Every line is free again (the initiator lets go right after the task moved on)."""
    async with asyncio.timeout(DEADLINE_S):
        while (await user.page.get("/api/status"))["lines"]["lines_used"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def finished_speaking(phone: RecordingCallee) -> None:
    """Until the phone has heard `PAUSE_MS` of silence: a polite callee does not interrupt."""
    async with asyncio.timeout(DEADLINE_S):
        while rms_dbfs(phone.received()[-PAUSE_MS * BYTES_PER_MS :]) > SILENCE_DBFS:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def ended(phone: RecordingCallee) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await phone.ended.wait()


@pytest.mark.natural_voice
async def test_extension_7000_rings_talks_and_books(user: UserAtPage, callees: Callees, speech: SpeechEngines) -> None:
    phone = await callees.phone("7000", answer_after_s=0.5)
    plan = await user.plan(f"Call Sam Field at 7000 and {PURPOSE}.", **FORM)
    campaign = await user.confirm(plan)
    await user.until_said("ai", "Hello")
    phone.play(await speech.synthesizer.synthesize("hello good morning how can i help you"))
    await user.until_said("ai", QUESTION)
    await finished_speaking(phone)
    phone.play(await speech.synthesizer.synthesize("yes tuesday at ten works for me"))
    task = await user.until_task("COMPLETED", disposition="ACHIEVED", attempts=1)
    await ended(phone)
    assert phone.ended_by == "BYE"  # we said goodbye and hung up

    known = await speech.synthesizer.synthesize(DISCLOSURE)
    found = find_sound(known, phone.received())
    assert found.likeness > MATCH, f"the disclosure was not heard at the phone (correlation {found.likeness:.2f})"
    await user.until_said("callee", "tuesday at ten")  # what the phone said was understood
    assert task["result"]["slot_ok"]
    await nobody_on_a_line(user)
    report = await user.until(lambda e: e.get("campaign", {}).get("status") == "COMPLETED")
    assert report["campaign"]["id"] == campaign


@pytest.mark.natural_voice
async def test_keys_reach_a_menu_behind_a_trunk(user: UserAtPage, callees: Callees, speech: SpeechEngines) -> None:
    phone = await callees.phone("+12025550104", answer_after_s=0.5)  # Harbour Facilities of the sample directory
    plan = await user.plan(f"Call Harbour Facilities and {PURPOSE}.", **FORM)
    await user.confirm(plan)
    await user.until_said("ai", "Hello")
    menu = "thank you for calling for sales press one for facilities press two"
    phone.play(await speech.synthesizer.synthesize(menu))
    assert await phone.wait_for_digits(1, DEADLINE_S) == "2"
    phone.play(await speech.synthesizer.synthesize("hello this is facilities how can i help you"))
    await user.until_said("ai", QUESTION)
    await finished_speaking(phone)
    phone.play(await speech.synthesizer.synthesize("yes tuesday at ten works for me"))
    await user.until_task("COMPLETED", disposition="ACHIEVED")
    await nobody_on_a_line(user)


async def test_the_callee_hangs_up_in_mid_call_and_is_called_again(user: UserAtPage, callees: Callees) -> None:
    phone = await callees.phone("+12025550121", answer_after_s=0.2)
    plan = await user.plan(f"Call Sam Field at +1 202 555 0121 and {PURPOSE}.", **FORM)
    await user.confirm(plan)
    await user.until_said("ai", "Hello")
    await phone.hang_up()
    task = await user.until_task("SCHEDULED", attempts=1)
    assert task["disposition"] == "INCONCLUSIVE"
    call = await user.until(lambda e: e.get("call", {}).get("status") == "COMPLETED")
    assert call["call"]["end_reason"]
    phone.invited.clear()
    async with asyncio.timeout(DEADLINE_S):
        await phone.invited.wait()  # the second attempt rings


async def test_a_first_call_in_test_mode_misses_no_trunk(
    real_asterisk: RealAsterisk, callees: Callees, tmp_path: Path
) -> None:
    phone = await callees.phone("7000", answer_after_s=0.2)
    first_steps = {"APP_TEST_MODE": "True", "ASTERISK_CHANNEL_TEMPLATE": "PJSIP/{number}@not-there-yet"}
    async with product(tmp_path, **address_of(real_asterisk), **first_steps) as program:
        await program.ready()
        async with user_at_page(program.url) as user:
            await user.confirm(await user.plan(f"Call Sam Field at +1 202 555 0121 and {PURPOSE}.", **FORM))
            await user.until_said("ai", "Hello")
            dependencies = (await user.page.get("/api/status"))["ready"]
            assert {name for name, one in dependencies.items() if not one["ok"]} == set()
        await phone.hang_up()
    assert "trunk.breaker" not in program.events()


@pytest.mark.parametrize(
    ("status", "disposition"),
    [("486 Busy Here", "BUSY"), ("603 Decline", "REJECTED"), ("404 Not Found", "UNREACHABLE")],
)
async def test_callees_who_do_not_answer(user: UserAtPage, callees: Callees, status: str, disposition: str) -> None:
    await callees.sipp("+12025550122", "reject", status=status)
    plan = await user.plan(f"Call Sam Field at +1 202 555 0122 and {PURPOSE}.", **FORM)
    await user.confirm(plan)
    event = await user.until(lambda e: e.get("task", {}).get("disposition") == disposition)
    assert event["task"]["status"] in ("SCHEDULED", "FAILED")
    await nobody_on_a_line(user)
