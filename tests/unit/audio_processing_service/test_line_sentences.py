"""The sentences that the line says itself: words and sound belong together, as loud as speech, understood."""

import numpy as np
import pytest

from opendeep.audio_processing_service.bridge_tone import bridge_tone
from opendeep.audio_processing_service.line_sentences import RATE_HZ, SOUNDS, LineSentence, line_sound, words_heard
from opendeep.audio_processing_service.voice_format import VoiceFormat
from opendeep.config.prompt_line_faults import line_broke_note, spoken_language
from opendeep.offline.speech import SpeechEngineMissing, SpeechEngines
from tests.support import audio, services

EVERY = [(sentence, code) for sentence in LineSentence for code in sentence.words]
FRAME = RATE_HZ // 50


def test_every_language_has_all_sentences_and_every_file_is_one_of_them() -> None:
    assert len({frozenset(sentence.words) for sentence in LineSentence}) == 1
    assert {sentence.file(code) for sentence, code in EVERY} == set(SOUNDS.iterdir())


@pytest.mark.parametrize(("sentence", "code"), EVERY, ids=lambda value: getattr(value, "name", value))
def test_a_sentence_is_as_loud_as_speech_and_short(sentence: LineSentence, code: str) -> None:
    samples = np.frombuffer(audio.mulaw_decode(line_sound(sentence, code)), "<i2") / 32_768
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    powers = (frames**2).mean(axis=1)
    assert -23 < 10 * np.log10(powers[powers > 1e-5].mean()) < -17
    assert np.abs(samples).max() < 0.98
    assert 2.0 < len(samples) / RATE_HZ < 5.0
    assert max(powers[0], powers[-1]) < 1e-5  # no click at its ends


async def test_the_english_ones_are_understood() -> None:
    try:
        async with SpeechEngines(workers=1) as engines:
            for sentence in LineSentence:
                words = sentence.words["en"]
                pcm = audio.mulaw_decode(line_sound(sentence, "en"))
                understood = await engines.recognizer.recognize(pcm, hints=(words,))
                assert understood.text == words.lower().replace(".", "").replace(",", "")
    except SpeechEngineMissing as error:
        services.require("speech engines", available=False, reason=str(error))


@pytest.mark.parametrize(
    ("language", "code"), [("de", "de"), ("de-AT", "de"), ("EN-us", "en"), ("tr", None), ("", None)]
)
def test_the_language_of_the_task_chooses(language: str, code: str | None) -> None:
    assert spoken_language(language) == code


def test_what_the_ai_is_told_is_what_was_heard() -> None:
    note = line_broke_note("fr-CH")
    assert words_heard(LineSentence.ONE_MOMENT, "fr-CH") in note
    assert "petit problème" in note
    assert "a short tone. " in line_broke_note("tr")
    assert words_heard(LineSentence.ONE_MOMENT, "tr") == "a soft tone"


@pytest.mark.parametrize("voice", VoiceFormat)
def test_every_format_of_a_voice_has_them(voice: VoiceFormat) -> None:
    sound = voice.decode(line_sound(LineSentence.ONE_MOMENT, "en", voice))
    plain = np.frombuffer(audio.mulaw_decode(line_sound(LineSentence.ONE_MOMENT, "en")), "<i2").astype(float)
    samples = np.frombuffer(sound, "<i2").astype(float)
    assert len(samples) * 8_000 == len(plain) * voice.rate_hz
    assert samples.std() == pytest.approx(plain.std(), rel=0.02)


def test_a_language_without_sentences_gets_the_tone() -> None:
    assert line_sound(LineSentence.LINE_IS_LOST, None) == bridge_tone()
