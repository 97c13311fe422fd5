"""Real speech from packages alone: text to speech, speech to text and voice activity at telephone quality.

Owns the engines and the sentences they are good at. Nobody's conversation lives here. Engines are loaded when
`SpeechEngines` is entered (or a `VoiceActivity` is built), never at import.
"""

from opendeep.offline.speech.engines import SpeechEngines
from opendeep.offline.speech.types import (
    EXPECTATIONS,
    NOTHING_UNDERSTOOD,
    Recognition,
    Recognizer,
    SpeechEngineFault,
    SpeechEngineMissing,
    Synthesizer,
    UnknownVoice,
    UnspeakableText,
)
from opendeep.offline.speech.vad import SpeechStarted, SpeechStopped, VoiceActivity

__all__ = [
    "EXPECTATIONS",
    "NOTHING_UNDERSTOOD",
    "Recognition",
    "Recognizer",
    "SpeechEngineFault",
    "SpeechEngineMissing",
    "SpeechEngines",
    "SpeechStarted",
    "SpeechStopped",
    "Synthesizer",
    "UnknownVoice",
    "UnspeakableText",
    "VoiceActivity",
]
