"""Cleaning, caching and choosing of voices. The engine here counts its calls: the C library is the wire."""

import asyncio
import threading

import pytest

from opendeep.offline.speech import SpeechEngineFault, SpeechEngineMissing, UnknownVoice, UnspeakableText
from opendeep.offline.speech.synthesizer import LocalSynthesizer, speakable
from tests.support import sound


class ToneEngine:
    """Speaks every text as a tone; can be held until `go`."""

    name = "tone"
    voices = ("low", "high")

    def __init__(self) -> None:
        self.spoken: list[tuple[str, str]] = []
        self.go = threading.Event()
        self.go.set()
        self.entered = threading.Event()

    def speak(self, text: str, voice: str) -> tuple[int, bytes]:
        self.entered.set()
        assert self.go.wait(5)
        self.spoken.append((text, voice))
        if text == "broken":
            raise SpeechEngineFault("no sound came out")
        return 16000, sound.sine(300 if voice == "low" else 600, 500, level_dbfs=-40, sample_rate=16000)


@pytest.fixture
def engine() -> ToneEngine:
    return ToneEngine()


async def test_speech_comes_at_the_asked_rate_and_level(engine: ToneEngine) -> None:
    synthesizer = LocalSynthesizer([engine])
    for rate in (8000, 16000, 24000):
        spoken = await synthesizer.synthesize("Hello.", sample_rate=rate)
        assert len(spoken) == pytest.approx(rate, rel=0.01)
        assert sound.rms_dbfs(spoken) == pytest.approx(-20, abs=1)
        assert sound.find_tones(spoken, 300, sample_rate=rate, at_least_ms=400)
    await synthesizer.close()


async def test_a_sentence_is_spoken_once_and_then_remembered(engine: ToneEngine) -> None:
    synthesizer = LocalSynthesizer([engine])
    first = await synthesizer.synthesize("Hello  there.")
    assert await synthesizer.synthesize("Hello there.") == first
    assert await synthesizer.synthesize("Hello there.", voice="high") != first
    assert engine.spoken == [("Hello there.", "low"), ("Hello there.", "high")]
    await synthesizer.close()


async def test_the_same_sentence_asked_at_once_is_spoken_once(engine: ToneEngine) -> None:
    synthesizer = LocalSynthesizer([engine])
    engine.go.clear()
    waiting = [asyncio.create_task(synthesizer.synthesize("Hello.")) for _ in range(5)]
    assert await asyncio.to_thread(engine.entered.wait, 5)
    waiting[0].cancel()
    engine.go.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert len({*found[1:]}) == 1
    assert len(engine.spoken) == 1
    await synthesizer.close()


async def test_the_cache_forgets_the_oldest(engine: ToneEngine) -> None:
    synthesizer = LocalSynthesizer([engine], cache_bytes=20_000)
    for text in ("one", "two", "one", "three", "one", "two"):
        await synthesizer.synthesize(text)
    assert [text for text, _ in engine.spoken] == ["one", "two", "three", "two"]
    await synthesizer.close()


async def test_a_broken_engine_is_an_error_and_not_remembered(engine: ToneEngine) -> None:
    synthesizer = LocalSynthesizer([engine])
    for _ in range(2):
        with pytest.raises(SpeechEngineFault):
            await synthesizer.synthesize("broken")
    assert len(engine.spoken) == 2
    await synthesizer.close()


async def test_an_unknown_voice_names_those_that_are_there(engine: ToneEngine) -> None:
    synthesizer = LocalSynthesizer([engine])
    with pytest.raises(UnknownVoice, match="high, low"):
        await synthesizer.synthesize("Hello.", voice="nobody")
    with pytest.raises(UnknownVoice):
        LocalSynthesizer([engine], voice="nobody")
    await synthesizer.close()


def test_no_engine_says_what_to_install() -> None:
    with pytest.raises(SpeechEngineMissing, match="libflite1"):
        LocalSynthesizer([])


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("  It\u2019s\n fine \u2014 really\u2026 ", "It's fine , really."),
        ("bell\x07 and null\x00", "bell and null"),
        ("caf\u00e9", "caf\u00e9"),
    ],
)
def test_text_is_cleaned(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


@pytest.mark.parametrize("text", ["", " \n", "...", "\x00", "x" * 1201])
def test_what_cannot_be_spoken_is_refused(text: str) -> None:
    with pytest.raises(UnspeakableText):
        speakable(text)
