"""The sound of a call: what the voice AI speaks and hears, at which rate the line runs, and the way between the two.

`VoiceFormat` is the provider's (a setting), the rate is the line's: Asterisk's application AudioSocket has 8 kHz,
`Dial(AudioSocket/…/c(slin24))` has 24 kHz, and the kind of its first frame of sound says which. What is to be done to
each piece is put together once (`line_format`); nothing is asked again per frame. Recordings and ears stay at 8 kHz.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from opendeep.audio_processing_service.audiosocket_codec import RATE_HZ, Kind, silence_frame
from opendeep.audio_processing_service.g711 import Law
from opendeep.audio_processing_service.resampling import Resampler

NARROW_HZ: Final = 8_000

Convert = Callable[[bytes], bytes]


class VoiceFormat(Enum):
    """Formats of the Realtime protocol. `rate_hz` of the samples; `decode` to and `encode` from s16le at that rate."""

    PCMU = ("pcmu", NARROW_HZ, Law.ULAW.decode, Law.ULAW.encode)
    PCMA = ("pcma", NARROW_HZ, Law.ALAW.decode, Law.ALAW.encode)
    PCM24K = ("pcm24k", 24_000, bytes, bytes)

    def __init__(self, setting: str, rate_hz: int, decode: Convert, encode: Convert) -> None:
        self.setting = setting
        self.rate_hz = rate_hz
        self.decode = decode
        self.encode = encode

    @classmethod
    def of(cls, setting: str) -> "VoiceFormat":
        """By the value of `OPENAI_REALTIME_AUDIO`."""
        return next(known for known in cls if known.setting == setting)

    def as_field(self) -> dict[str, Any]:
        """As a session says it (`openai.types.realtime`, `RealtimeAudioFormats`)."""
        if self is VoiceFormat.PCM24K:
            return {"type": "audio/pcm", "rate": self.rate_hz}
        return {"type": f"audio/{self.setting}"}


@dataclass(frozen=True, slots=True)
class LineFormat:
    """For one call. Line sound is s16le at `rate_hz`. `hear`: line to voice AI; `speak`: voice AI to line.

    `narrow_heard` and `narrow_spoken` give 8 kHz. `restart`: what was spoken last was cut off.
    """

    rate_hz: int
    header: bytes  # of a frame of 20 ms
    silence: bytes  # a whole frame
    hear: Convert
    speak: Convert
    narrow_heard: Convert
    narrow_spoken: Convert
    restart: Callable[[], None]

    @property
    def bytes_per_ms(self) -> int:
        return self.rate_hz * 2 // 1000


def line_format(voice: VoiceFormat, rate_hz: int) -> LineFormat:
    """The way of a call's sound. Raises `KeyError` for a rate that is not in `KINDS`."""
    kind = KINDS[rate_hz]
    silence = silence_frame(kind)
    hear, speak, restart = voice.encode, voice.decode, _nothing
    if rate_hz != voice.rate_hz:
        ear, mouth = Resampler(rate_hz, voice.rate_hz), Resampler(voice.rate_hz, rate_hz)
        hear, speak, restart = _chain(ear.convert, voice.encode), _chain(voice.decode, mouth.convert), mouth.restart
    narrow = rate_hz == NARROW_HZ
    return LineFormat(
        rate_hz=rate_hz,
        header=silence[:3],
        silence=silence,
        hear=hear,
        speak=speak,
        narrow_heard=bytes if narrow else Resampler(rate_hz, NARROW_HZ).convert,
        narrow_spoken=bytes if narrow else Resampler(rate_hz, NARROW_HZ).convert,
        restart=restart,
    )


KINDS: Final = {rate_hz: Kind(kind) for kind, rate_hz in RATE_HZ.items() if rate_hz % 1000 == 0}  # not 44.1 kHz


def _chain(first: Convert, then: Convert) -> Convert:
    return lambda data: then(first(data))


def _nothing() -> None: ...
