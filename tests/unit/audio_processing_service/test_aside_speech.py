"""Speech out of band: whole to who asked, nothing of it to the conversation, whatever comes late or broken."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest

from opendeep.audio_processing_service.aside_speech import MAX_ASIDE_MS, MAX_OPEN, AsideSpeech
from opendeep.audio_processing_service.usage import UsageSum
from opendeep.audio_processing_service.voice_format import VoiceFormat
from opendeep.common.errors import ProviderFault

WAIT_S = 5.0


class Session:
    """The aside with everything it sends."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.usage = UsageSum("m", "t", {})
        self.aside = AsideSpeech(self.sent.append, self.usage, VoiceFormat.PCMU)

    async def asked(self, within_s: float = WAIT_S) -> "asyncio.Task[bytes]":
        speaking = asyncio.create_task(self.aside.speak("Say: hello", within_s), name="speaking")
        await asyncio.sleep(0)  # it asks at once
        return speaking

    def get(self, kind: str, **fields: Any) -> bool:
        return self.aside.takes({"type": kind, **fields})

    def created(self, response: str, number: int = 1) -> bool:
        return self.get("response.created", response={"id": response, "metadata": {"purpose": f"aside-{number}"}})

    def audio(self, response: str, audio: bytes) -> bool:
        delta = b64encode(audio).decode()
        return self.get("response.output_audio.delta", response_id=response, item_id="i", delta=delta)

    def done(self, response: str, status: str = "completed") -> bool:
        return self.get("response.done", response={"id": response, "status": status, "usage": {"output_tokens": 7}})


async def test_the_sound_comes_whole_and_nothing_of_it_goes_further() -> None:
    session = Session()
    speaking = await session.asked()
    [create] = session.sent
    assert create["response"]["conversation"] == "none"
    assert create["response"]["input"] == []  # what the callee said is not taken up here
    assert not session.get("response.created", response={"id": "r1"})  # the conversation's own, in between
    assert session.created("a1")
    assert not session.audio("r1", b"callee")
    assert session.audio("a1", b"one ")
    assert session.get("response.output_audio_transcript.delta", response_id="a1", item_id="i", delta="one")
    assert session.audio("a1", b"two")
    assert not session.get("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
    assert not session.get("response.done", response={"id": "r1", "status": "completed"})
    assert session.done("a1")
    assert await speaking == b"one two"
    assert session.usage.as_json()["realtime"] == {"output_tokens": 7}
    assert not session.audio("a1", b"three")  # it is over: a stranger like any other


async def test_what_nobody_waits_for_any_more_is_not_heard_by_the_callee() -> None:
    session = Session()
    speaking = await session.asked(0.0)
    with pytest.raises(ProviderFault, match="in time"):
        await speaking
    assert session.created("a1")
    assert session.audio("a1", b"late")
    assert session.done("a1")


@pytest.mark.parametrize("status", ["failed", "incomplete", "completed"])  # the last one without any sound
async def test_a_response_that_says_nothing_whole_is_a_failure(status: str) -> None:
    session = Session()
    speaking = await session.asked()
    session.created("a1")
    if status != "completed":
        session.audio("a1", b"half")
    assert session.done("a1", status)
    with pytest.raises(ProviderFault):
        await speaking


async def test_an_error_about_it_ends_the_waiting_and_others_go_on() -> None:
    session = Session()
    speaking = await session.asked()
    assert not session.get("error", error={"event_id": "turn-1", "code": "x"})
    assert not session.get("error", error={"code": "x"})
    assert session.get("error", error={"event_id": "aside-1", "code": "x"})
    with pytest.raises(ProviderFault):
        await speaking


async def test_what_is_kept_is_bounded() -> None:
    session = Session()
    speaking = await session.asked()
    session.created("a0")
    for _ in range(3):
        session.audio("a0", bytes(MAX_ASIDE_MS * 4))
    session.done("a0")
    assert len(await speaking) == MAX_ASIDE_MS * 8
    for number in range(MAX_OPEN + 1):  # of sessions that were lost
        session.created(f"b{number}", number)
    assert not session.audio("b0", b"forgotten")
    assert session.audio(f"b{MAX_OPEN}", b"known")
