"""What an utterance means, apart from the answer it may hold: opt-out, voicemail, a question, a request to repeat.

Owns `Heard` (one utterance of the callee, with the recogniser's opinion) and the meanings that only a conversation
needs. Most rules are the recogniser's own (`speech.intents`), applied here also to words that were typed; its ear for
opt-out and voicemail is believed where the words fail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from opendeep.offline.script.words import plain_apostrophes
from opendeep.offline.speech.intents import intents_of

MONOLOGUE_MS: Final = 6_500  # a first utterance as long as this without a pause is a machine (voice.md)

_MORE_RULES: Final[dict[str, tuple[str, ...]]] = {
    "not_here": (
        r"\b(he|she|they)('s|'re| is| are) (not|out|away|at work|in a meeting|busy|on holiday)\b",
        r"^(sorry )?(not here|not in|not at home)\b",
        r"\b(he|she) isn't (here|in|home|available)\b",
    ),
    "not_interested": (
        r"\bnot interested\b|\bno interest\b|\bnot for (me|us)\b",
        r"\b(don't|do not) (want|need) (it|this|that|any|your)\b",
    ),
    "farewell": (r"\b(good ?bye|bye|see you|have a (nice|good) (day|one|evening))\b",),
    "wrong_person": (r"\bthere(?:'s| is) (no|nobody|no one)( one| body)? (here )?(by|with|of|called)\b",),
    "orders": (
        r"\b(ignore|forget|disregard|override) (all |any |your |the |my |these |those |previous |prior )*"
        r"(instructions?|rules?|orders?|prompts?|guidelines?|task)\b",
        r"\b(your|the) (system )?(prompt|instructions)\b|\bsystem prompt\b|\bdeveloper mode\b",
        r"\byou are (now|no longer) (an?|my|in|the)\b|\bpretend (to be|that you)\b|\bact as\b",
        r"\b(read|tell|give|list|name|show|send) (me |us )?(out |about )?(all |the |your |of )*"
        r"(other|another|others) (customers?|clients?|patients?|people|persons?|callers?|contacts?|names?|calls?)\b",
    ),
    "no_recording": (
        r"\b(do not|don't|(rather|prefer) not|stop|turn off|switch off) "
        r"(want|like|wish|to|be|being|me|this|the|your|call|us|my| )*\b(record(ing|ed)?|taped?)\b",
        r"\b(no|without|delete|stop|off) (the |this |that |your |any |a )*recordings?\b",
    ),
    "voicemail": (r"\bleave (a|your|me a) (short |brief )?message\b",),
    "screening": (r"\b(state|say) your name\b",),
    "who_is_this": (
        r"\b(is this|are you) (a |an )?(robot|real|human|ai|machine|recording|computer)\b",
        r"\bwhat (is this|are you calling) (about|for)\b|\bwhy are you calling\b|\bwhat do you want\b",
    ),
    "no": (
        r"\bunfortunately\b|\bi('m| am) afraid\b|\b(can't|cannot|won't)$",
        r"\bno\b(?! (problem|worries|trouble|one|questions|idea))|\bnegative\b",
        r"\b(that|it|this) (isn't|is not|won't be|will not be)\b",
    ),
    "yes": (
        r"\b(yes|yeah|yep|sure|absolutely|definitely|certainly|of course|all right|okay)\b",
        r"(?<!n't )(?<!not )\b(works|would work|will work|fits)\b|\b(no worries|happy to|affirmative)\b",
    ),
}
_COMPILED: Final = {name: re.compile("|".join(rule)) for name, rule in _MORE_RULES.items()}
_LATER_QUESTION: Final = re.compile(
    r"\b(how (long|much|many|often|far)|what (time|does|do|will|is the|about|if|kind)|will (the|it|you|there|i|we)|"
    r"do (i|we) (have|need)|does (it|the|that)|is (it|there|the)|are there|can (i|we|you)|could (i|we|you)|"
    r"should (i|we)|where (is|do|will)|when (is|do|will))\b"
)
_NOT_A_QUESTION: Final = re.compile(r"\b(how|what) (can|may) i (help|do)\b|\bhow are you\b|\bcan i help\b")
_NOT_A_PERSON: Final = re.compile(r"\bthis is not (a|an|the|what|possible|good|right|convenient|my|our|okay|fine)\b")


@dataclass(frozen=True, slots=True)
class Heard:
    """One utterance of the callee.

    `text`: lower-case words, "" when nothing was understood. `confidence`: 0..1. `intents`, `spotted`: the recogniser's
    own findings. `duration_ms`: how long the callee spoke.
    """

    text: str
    confidence: float = 1.0
    intents: frozenset[str] = frozenset()
    spotted: frozenset[str] = frozenset()
    duration_ms: int = 0

    def joined(self, later: Heard) -> Heard:
        """Both utterances as one: the callee went on before we had answered."""
        if not self.text or not later.text:
            heard = later if later.text else self
            return Heard(
                heard.text,
                heard.confidence,
                self.intents | later.intents,
                self.spotted | later.spotted,
                self.duration_ms + later.duration_ms,
            )
        return Heard(
            f"{self.text} {later.text}",
            min(self.confidence, later.confidence),
            self.intents | later.intents,
            self.spotted | later.spotted,
            self.duration_ms + later.duration_ms,
        )


def meanings(heard: Heard) -> frozenset[str]:
    """All meanings found in the utterance: the recogniser's and ours."""
    found = heard.intents | heard.spotted | meanings_of_text(heard.text)
    if "wrong number" not in heard.text and _NOT_A_PERSON.search(heard.text):
        found -= {"wrong_person"}
    return found - {"question"} if _NOT_A_QUESTION.search(heard.text) else found


def meanings_of_text(text: str) -> frozenset[str]:
    """Meanings found in the words alone."""
    plain = " ".join(re.findall(r"[a-z0-9'.:]+", plain_apostrophes(text.lower()))).rstrip(".")
    found = set(intents_of(plain)) | {name for name, rule in _COMPILED.items() if rule.search(plain)}
    if _NOT_A_QUESTION.search(plain):
        found = found - {"question"} | {"greeting"}
    elif _LATER_QUESTION.search(plain) or text.rstrip().endswith("?"):
        found.add("question")
    return frozenset(found)


def is_monologue(heard: Heard) -> bool:
    """So long without a pause that no person answers the phone like this."""
    return heard.duration_ms >= MONOLOGUE_MS
