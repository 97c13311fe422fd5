"""Who or what answered: judged from the words, the tones, music and cadence known so far. Pure.

Owns the classes, the phrases by which machines give themselves away, and the weighing of evidence. It is asked again
whenever something new is known, and its answer may change until it is sure; nothing is awaited: nobody hears dead air.
Phrases are English; other languages are judged by sound and length alone, with less confidence.
`call_senses` asks it after each transcript and signal.
Screening phrases: Google Call Screen and Apple's call screening as heard by callers (2024-2026).
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from opendeep.audio_processing_service.cadence import CadenceFacts
from opendeep.audio_processing_service.tone_detection import Signal

HUMAN_GREETING_MS: Final = 2_500  # people say hello in less
MACHINE_GREETING_MS: Final = 6_000  # and hardly ever talk so long without a pause of 0.9 s
SILENCE_MS: Final = 5_000  # nothing at all since the answer
SURE: Final = 0.8
MAX_WORDS_CHARS: Final = 2_000  # of the callee's speech that are looked at


class AnsweredBy(StrEnum):
    """What answered; stored by these names."""

    HUMAN = "human"
    VOICEMAIL = "voicemail"
    IVR = "ivr"
    SCREENING = "screening"
    FAX = "fax"
    HOLD = "hold"
    SILENCE = "silence"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known. `words`: everything the callee said up to now, as recognised; empty when nothing was yet."""

    cadence: CadenceFacts
    words: str = ""
    signals: frozenset[Signal] = frozenset()
    music: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`confidence` 0 to 1; `because` names the evidence in words that a user understands."""

    answered_by: AnsweredBy
    confidence: float
    because: str

    @property
    def sure(self) -> bool:
        return self.confidence >= SURE


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(patterns) + r")\b")


_NOT_HERE: Final = (
    r"(?:can'?t|cannot|can not|unable to|not able to) (?:come to|get to|take|answer) (?:the|your|my) (?:phone|call)"
)
_SCREENING: Final = _any(
    r"(?:call (?:assist|screening|assistant)|screening (?:service|this call|your call|calls?))",
    r"(?:state|say|record|tell me) your name(?:,? and)?(?: the)? (?:why|reason|purpose|what)",
    r"record your name and (?:the )?reason for calling",
    r"(?:i'?ll|i will|let me) see if (?:this person|they|he|she|the person) (?:is|are) available",
    r"see if this person is available",
    r"the person you(?:'re| are) calling is using a screening",
    r"before i (?:try to )?connect you",
    r"stay on the line while i (?:check|see|connect)",
)
_VOICEMAIL: Final = _any(
    r"(?:leave|record) (?:a|me a|us a|your) (?:\w+ )?(?:message|name and (?:\w+ )?number)",
    r"(?:leave|record) your (?:name|number|message)",
    r"(?:after|at) the (?:beep|tone)",
    r"(?:voice ?mail|voice messag\w+|mailbox|answering machine)",
    r"you(?:'ve| have) reached (?:the )?(?:phone|cell|number|desk|line) of",
    _NOT_HERE,
    r"(?:i'?ll|we'?ll|i will|we will) (?:call|get back to|return) (?:you|your call)",
    r"not available (?:right now|at the moment|to take)",
    r"the (?:person|party|customer|subscriber|number) you (?:have|are|were) (?:\w+ ){0,4}(?:is|are) (?:not|un)",
)
_IVR: Final = _any(
    r"(?:press|dial|push|enter|hit) (?:the )?(?:\d|one|two|three|four|five|six|seven|eight|nine|zero|star|pound|hash)",
    r"(?:menu|listen to the following|following options|options have (?:recently )?changed)",
    r"(?:say|press) or (?:say|press)",
    r"if you know (?:your party'?s|the) extension",
    r"para (?:español|espanol)",
)
_HOLD: Final = _any(
    r"(?:please |kindly )?(?:hold (?:the line|on the line)|stay on the line|remain on the line)",
    r"please hold",
    r"(?:transferring|connecting) you(?:r call)?",
    r"(?:agents|representatives|operators|lines|advisors) are (?:\w+ )?(?:busy|assisting|helping)",
    r"your call is (?:very )?important to us",
    r"(?:next available|you are (?:number|caller)|in the queue|estimated wait|wait time)",
)
_PERSON_ASKS: Final = _any(
    r"who(?:'s| is) (?:this|calling|there|speaking)",
    r"(?:how )?(?:can|may) i help",
    r"what can i do for you",
    r"speaking",
    r"(?:what|who) do you want",
    r"yes\??$",
    r"^(?:hello|hi|hey|yeah|yes|good (?:morning|afternoon|evening))",
)


def judge(evidence: Evidence) -> Verdict:
    """The best answer now. Strong evidence first: tones, then words, then music, then length."""
    return _by_tone(evidence) or _by_words(evidence) or _by_sound(evidence)


def asks_to_hold(words: str) -> bool:
    """Whether these words ask to wait on the line, or are what queues say to those who wait."""
    return _HOLD.search(_plain(words)) is not None


def _by_tone(evidence: Evidence) -> Verdict | None:
    if evidence.signals & {Signal.FAX_ANSWERING, Signal.FAX_CALLING}:
        return Verdict(AnsweredBy.FAX, 0.97, "fax tones were heard")
    if Signal.BEEP in evidence.signals and evidence.cadence.voiced_ms:
        return Verdict(AnsweredBy.VOICEMAIL, 0.95, "a beep followed the greeting")
    return None


def _by_words(evidence: Evidence) -> Verdict | None:
    """Screening before voicemail and menu, because screeners ask for a name and a message, too."""
    words = _plain(evidence.words)
    if not words:
        return None
    length_ms = evidence.cadence.greeting_ms
    if found := _SCREENING.search(words):
        return Verdict(AnsweredBy.SCREENING, 0.9, _said(found))
    if found := _IVR.search(words):
        return Verdict(AnsweredBy.IVR, 0.9, _said(found))
    if found := _VOICEMAIL.search(words):
        several = len({match.group(0) for match in _VOICEMAIL.finditer(words)}) > 1
        return Verdict(
            AnsweredBy.VOICEMAIL, 0.95 if several or length_ms >= MACHINE_GREETING_MS else 0.85, _said(found)
        )
    if found := _HOLD.search(words):
        return Verdict(AnsweredBy.HOLD, 0.85, _said(found))
    if (found := _PERSON_ASKS.search(words)) and length_ms <= MACHINE_GREETING_MS:
        return Verdict(AnsweredBy.HUMAN, 0.9 if length_ms <= HUMAN_GREETING_MS else 0.8, _said(found))
    return None


def _by_sound(evidence: Evidence) -> Verdict:
    cadence = evidence.cadence
    if evidence.music or Signal.RINGBACK in evidence.signals:
        return Verdict(
            AnsweredBy.HOLD, 0.8, "music is playing" if evidence.music else "it rings again after the answer"
        )
    if cadence.first_voice_ms is None:
        if evidence.signals:
            return Verdict(AnsweredBy.UNKNOWN, 0.5, f"tones were heard: {', '.join(sorted(evidence.signals))}")
        if cadence.now_ms >= SILENCE_MS:
            return Verdict(AnsweredBy.SILENCE, 0.9, f"nothing was heard for {cadence.now_ms // 1000} s")
        return Verdict(AnsweredBy.UNKNOWN, 0.0, "nothing was heard yet")
    if cadence.greeting_ms >= MACHINE_GREETING_MS:
        return Verdict(AnsweredBy.VOICEMAIL, 0.6, f"a greeting of {cadence.greeting_ms / 1000:.1f} s without a pause")
    if cadence.greeting_over and cadence.greeting_ms <= HUMAN_GREETING_MS:
        return Verdict(AnsweredBy.HUMAN, 0.75, f"a greeting of {cadence.greeting_ms / 1000:.1f} s and a pause")
    return Verdict(AnsweredBy.UNKNOWN, 0.3, "a greeting that may be anybody's")


def _plain(words: str) -> str:
    """Lower case, one blank between words, no punctuation but apostrophes; the last `MAX_WORDS_CHARS`."""
    text = words[-MAX_WORDS_CHARS:].lower().replace("\u2019", "'")
    return " ".join(re.sub(r"[^\w' ]+", " ", text).split())


def _said(found: re.Match[str]) -> str:
    return f"“{found.group(0)}” was said"
