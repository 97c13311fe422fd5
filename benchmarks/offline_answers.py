"""How much of what callees answer is understood, per type of answer: clean, and with noise at 20 dB.

Each sentence is spoken by two synthetic voices through a telephone (300-3400 Hz, µ-law) and counts as right when the
script reads the same value out of what was recognised as out of the sentence itself. Synthetic voices are understood
better than most people; docs/offline.md says how much.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.support import sound

from benchmarks.figures import Figure
from opendeep.common.call_script import ScriptQuestion
from opendeep.common.question_types import QuestionType
from opendeep.offline.script import Heard
from opendeep.offline.script.answers import read_answer
from opendeep.offline.script.understanding import meanings
from opendeep.offline.speech import Recognition, SpeechEngines
from opendeep.offline.speech.words import spoken

VOICES = ("rms", "slt")
NOISES = (None, 20.0)
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=ZoneInfo("America/New_York"))
OPTIONS = ("morning", "afternoon", "evening")

ANSWERS: dict[str, tuple[str, ...]] = {
    "yes_no": (
        "yes that works for me", "yes please", "no thank you", "no that does not work", "yes of course",
        "no i am sorry", "sure that is fine", "unfortunately not",
    ),
    "choice": (
        "in the morning please", "the afternoon is better", "evening would be good", "i would prefer the morning",
        "afternoon please", "in the evening",
    ),
    "date": (
        "next tuesday please", "on the third of december", "tomorrow would be good", "thursday works for me",
        "the twenty fourth of november", "on friday",
    ),
    "time": (
        "at half past nine", "ten thirty would be good", "at three in the afternoon", "nine o'clock please",
        "quarter past two", "at noon",
    ),
    "datetime": (
        "tuesday at ten works for me", "thursday at half past nine", "tomorrow at three in the afternoon",
        "friday at nine please", "on monday at two thirty", "wednesday at noon",
    ),
    "number": (
        "we are four people", "twenty five", "two of us", "one hundred and twenty", "about ten", "three please",
    ),
}  # fmt: skip
MEANINGS: dict[str, tuple[str, ...]] = {
    "opt_out": (
        "please take me off your list", "do not call me again", "stop calling me", "remove my number from your list",
    ),
    "callback": (
        "please call me back later", "can you call back tomorrow", "call me again in an hour",
        "i am busy right now call me later",
    ),
    "voicemail": (
        "please leave a message after the tone", "you have reached the voicemail of harbour dental",
        "i can not come to the phone right now", "please leave your name and number after the beep",
    ),
}  # fmt: skip


def run() -> Iterator[Figure]:
    """One figure per type of answer and condition."""
    yield from asyncio.run(_measure())


async def _measure() -> list[Figure]:
    async with SpeechEngines() as engines:
        voices = [voice for voice in VOICES if voice in engines.voices]
        if not voices:
            raise RuntimeError("the flite voices are missing: apt-get install libflite1")
        return [
            await _figure(engines, kind, sentences, voices, noise)
            for kind, sentences in (ANSWERS | MEANINGS).items()
            for noise in NOISES
        ]


async def _figure(
    engines: SpeechEngines, kind: str, sentences: tuple[str, ...], voices: list[str], noise: float | None
) -> Figure:
    right, exact = 0, 0
    for voice in voices:
        for sentence in sentences:
            pcm = sound.telephone(await engines.synthesizer.synthesize(sentence, voice=voice), noise_snr_db=noise)
            expects = kind if kind in ANSWERS else "any"
            hints = OPTIONS if kind == "choice" else ()
            found = await engines.recognizer.recognize(pcm, expects=expects, hints=hints)
            right += is_right(kind, sentence, found)
            exact += found.text == spoken(sentence)
    count = len(sentences) * len(voices)
    conditions: dict[str, object] = {
        "noise_db": noise,
        "sentences": len(sentences),
        "voices": voices,
        "channel": "300-3400 Hz, mu-law",
        "exact_words_pct": round(100 * exact / count, 1),
        "recogniser": engines.recognizer.name,
        "cores": os.cpu_count(),
        "python": sys.version.split()[0],
    }
    suffix = "clean" if noise is None else f"noise_{noise:g}db"
    return Figure(f"offline.understood.{kind}.{suffix}_pct", round(100 * right / count, 1), "% of answers", conditions)


def is_right(kind: str, sentence: str, found: Recognition) -> bool:
    """True when what was recognised leads to the same answer, or the same meaning, as the sentence itself."""
    heard = Heard(found.text, found.confidence, frozenset(found.intents), frozenset(found.spotted))
    if kind in MEANINGS:
        return kind in meanings(heard)
    options = OPTIONS if kind == "choice" else ()
    question = ScriptQuestion(key="q", ask="?", type=QuestionType(kind), options=options)
    said, understood = (read_answer(question, words, NOW) for words in (Heard(spoken(sentence)), heard))
    if said is None:
        raise ValueError(f"{sentence!r} is no answer of type {kind}: mend the sentence")
    return understood is not None and understood.value == said.value
