"""The voice AI refuses the key of the real program: people are not rung for nothing, and calls go on when it works."""

from pathlib import Path

from tests.integration.audio_realtime import fake_realtime
from tests.support.product import product, user_at_page
from tests.support.trouble import (
    BOOKING_NUMBER,
    DEADLINE_S,
    SOON,
    alive,
    calls_of,
    eventually,
    lines_free,
    only_task,
    part,
    start_call,
)


async def test_dialling_pauses_while_the_key_is_refused_and_goes_on_by_itself(tmp_path: Path) -> None:
    async with fake_realtime(status=401) as voice, product(tmp_path, OPENAI_REALTIME_URL=voice.url) as program:
        await program.ready()
        async with user_at_page(program.url) as user:
            campaign = await start_call(user, BOOKING_NUMBER, SOON)
            why = await part(program, "voice_ai", ok=False)
            assert "refuses the key (HTTP 401); check OPENAI_API_KEY" in why
            status = await user.page.get("/api/status")
            assert "refuses the key" in status["lines"]["paused_because"]
            await lines_free(user)
            task = await only_task(user, campaign)
            assert task["attempts"] == 0  # rung, hung up, forgiven
            (call,) = await calls_of(user, task["id"])
            assert (call["status"], call["answered_at"]) == ("CANCELLED", None)
            voice.status = None
            assert await part(program, "voice_ai", ok=True) == "ok"

            async def called_again() -> bool:
                return len(await calls_of(user, task["id"])) == 2

            await eventually(called_again)
            probe, session = await voice.session(1, DEADLINE_S), await voice.session(2, DEADLINE_S)
            await session.wait(lambda: any(e["type"] == "response.create" for e in session.received), DEADLINE_S)
            assert (probe.received, bytes(probe.audio)) == ([], b"")
        await alive(program)
        assert "provider_failed" not in program.events()
