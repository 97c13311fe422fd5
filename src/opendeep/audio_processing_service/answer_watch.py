"""Who has answered, as it becomes known: gathers the evidence and tells each new judgement once. Pure.

Owns when a judgement is worth telling: the first that is likely, then only what is sure. Judging is `who_answered`'s.
"""

from typing import Final

from opendeep.audio_processing_service.line_ears import SoundFacts
from opendeep.audio_processing_service.tone_detection import Signal
from opendeep.audio_processing_service.who_answered import MAX_WORDS_CHARS, AnsweredBy, Evidence, Verdict, judge

LIKELY: Final = 0.6
EVERY_MS: Final = 1_000  # without anything new: silence and length are evidence, too


class AnswerWatch:
    """One per call, while it is listened closely."""

    def __init__(self) -> None:
        self._words = ""
        self._signals: set[Signal] = set()
        self._told: Verdict | None = None
        self._next_ms = 0

    def heard_words(self, words: str) -> None:
        """What the callee was understood to say."""
        self._words = f"{self._words} {words}".strip()[-MAX_WORDS_CHARS:]
        self._next_ms = 0

    def heard_signal(self, signal: Signal) -> None:
        self._signals.add(signal)
        self._next_ms = 0

    def check(self, now_ms: int, sound: SoundFacts) -> Verdict | None:
        """Every 100 ms or so: a judgement that was not told yet."""
        if now_ms < self._next_ms:
            return None
        self._next_ms = now_ms + EVERY_MS
        verdict = judge(Evidence(sound.cadence, self._words, frozenset(self._signals), sound.music))
        if not self._is_news(verdict):
            return None
        self._told = verdict
        if verdict.sure:  # whoever comes next is judged by what is heard from now on
            self._words = ""
            self._signals.clear()
        return verdict

    def _is_news(self, verdict: Verdict) -> bool:
        told = self._told
        if told is None:
            return verdict.confidence >= LIKELY
        if verdict.answered_by is AnsweredBy.SILENCE:
            return False  # somebody was there
        if told.answered_by is verdict.answered_by:
            return verdict.sure and not told.sure
        return verdict.sure or (not told.sure and verdict.confidence > told.confidence)
