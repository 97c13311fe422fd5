"""A call that is held word for word, from the chat to its result, on a real Asterisk and answered by keys alone.

All other calls of this program would be held by a voice AI elsewhere, which must hear nothing of this one.
"""

from pathlib import Path

import pytest

from tests.e2e.test_loop_on_asterisk import DEADLINE_S, DISCLOSURE, FORM, QUESTION, address_of, ended, finished_speaking
from tests.integration.audio_realtime import fake_realtime
from tests.support.asterisk import RealAsterisk
from tests.support.callees import Callees
from tests.support.product import product, user_at_page

pytestmark = pytest.mark.asterisk

PURPOSE = "book the yearly boiler inspection on Tuesday at ten"


async def test_a_script_is_spoken_and_answered_by_keys(
    real_asterisk: RealAsterisk, callees: Callees, tmp_path: Path
) -> None:
    async with fake_realtime() as others:
        settings = address_of(real_asterisk) | {"OPENAI_REALTIME_URL": others.url}
        async with product(tmp_path, **settings) as program:
            await program.ready()
            async with user_at_page(program.url) as user:
                phone = await callees.phone("7000", answer_after_s=0.5)
                reply = await user.plan(f"Call Sam Field at 7000 and {PURPOSE}, word for word.", **FORM)
                assert reply["plan"]["engine"] == "scripted"
                await user.confirm(reply)
                said = await user.until_said("ai", QUESTION)
                assert DISCLOSURE in said["turn"]["text"]
                await finished_speaking(phone)
                phone.press("1")
                await user.until_said("callee", "(pressed 1)")
                task = await user.until_task("COMPLETED", DEADLINE_S, disposition="ACHIEVED", attempts=1)
                await ended(phone)
                assert phone.ended_by == "BYE"
                assert task["result"]["slot_ok"]["value"] == "yes"
                assert task["result"]["slot_ok"]["quote"] == "pressed 1"
        assert others.asked == 0
