"""What the line itself says when the voice AI is away, so that it is never dead: a prepared sentence, or a soft tone.

Owns finding and reading the shipped sounds (G.711 µ-law, made by `scripts/make_line_sentences.py`); their words are
`prompt_line_faults`'. When they are played is the call's decision.
"""

from enum import Enum
from functools import cache
from pathlib import Path
from typing import Final

from opendeep.audio_processing_service.bridge_tone import bridge_tone
from opendeep.audio_processing_service.g711 import Law
from opendeep.audio_processing_service.resampling import Resampler
from opendeep.audio_processing_service.voice_format import VoiceFormat
from opendeep.config.prompt_line_faults import LINE_IS_LOST, ONE_MOMENT, spoken_language

RATE_HZ: Final = 8_000
SOUNDS: Final = Path(__file__).parent / "sounds"


class LineSentence(Enum):
    """A sentence in the languages that it was spoken in."""

    ONE_MOMENT = ("one_moment", ONE_MOMENT)  # the voice AI is connected again
    LINE_IS_LOST = ("line_is_lost", LINE_IS_LOST)  # it is not, and the call ends

    def __init__(self, stem: str, words: dict[str, str]) -> None:
        self.stem = stem
        self.words = words

    def file(self, code: str) -> Path:
        """Where the sound of one of our languages is."""
        return SOUNDS / f"{self.stem}.{code}.ulaw"


@cache
def line_sound(sentence: LineSentence, code: str | None, voice: VoiceFormat = VoiceFormat.PCMU) -> bytes:
    """The sentence in a language of `spoken_language`, or the tone, in the format in which the voice AI speaks."""
    sound = bridge_tone() if code is None else sentence.file(code).read_bytes()
    if voice is VoiceFormat.PCMU:
        return sound
    pcm = Law.ULAW.decode(sound)
    return voice.encode(pcm if voice.rate_hz == RATE_HZ else Resampler(RATE_HZ, voice.rate_hz).convert(pcm))


def words_heard(sentence: LineSentence, language: str) -> str:
    """For the timeline: what the callee heard."""
    code = spoken_language(language)
    return "a soft tone" if code is None else f"“{sentence.words[code]}”"
