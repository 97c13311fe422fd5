"""What an utterance means, apart from the answer it may hold: opt-out, voicemail, a question, a request to repeat.

Owns `Heard` (one utterance of the callee, with the recogniser's opinion) and the rules that read meanings from words.
The recogniser's own intents are believed as well: its ear for opt-out and voicemail works where the words fail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MONOLOGUE_MS: Final = 6_500  # a first utterance as long as this without a pause is a machine (voice.md)

_RULES: Final[dict[str, str]] = {
    "opt_out": (
        r"(stop|quit|don't|do not|never) (ever )?(calling|call|phone|phoning|ring|contact)(ing)? (me|us|here|this|again|any)"
        r"|stop calling|(never|don't|do not) call( me| us| here)? (again|any ?more)"
        r"|(take|remove|get) (me|us|my number|this number|our number) (off|from)|off your (list|calling)"
        r"|unsubscribe|do not call list|leave (me|us) alone|no more calls"
    ),
    "voicemail": (
        r"(leave|record) (me |us )?(a |your )?(short |brief )?(message|name and)|after the (tone|beep)|at the (tone|beep)"
        r"|voice ?mail|answering machine|can't (come to|take|answer) (the|your) (phone|call)|(is|am|are) (not available|unavailable)"
        r"|(cannot|can not|unable to) (come to the phone|take your call|answer)|mailbox|you('ve| have) reached the (voice|mail)"
    ),
    "menu": (
        r"(press|dial|select|choose|hit) (the )?(\d|zero|oh|one|two|three|four|five|six|seven|eight|nine|star|pound|hash)\b"
        r"|following options|main menu|listen (carefully|closely)|menu (options|has)"
    ),
    "screening": (
        r"(state|say|give|record) (me |us )?your name|who('s| is) calling and why|reason (for|of) (your|the) call"
        r"|why (you're|you are|are you) calling|screening|name and (the )?reason"
    ),
    "wrong_person": (
        r"wrong (number|person|house)|(there's|there is|there's) (no|nobody|no one|no-one)( one| body)? (here )?(by|with|of|called)"
        r"|no (such|one called|body called)|nobody (here )?(called|by|named)|doesn't (live|work) here|don't know (any|anybody|anyone|who)"
        r"|i'm not (him|her|that)|i am not (him|her|that|the)"
    ),
    "not_here": (
        r"(he|she|they)('s|'re| is| are) (not|out|away|at work|in a meeting|busy|on holiday)"
        r"|^(sorry )?(not here|not in|not at home)\b|(he|she) (isn't|is not) (here|in|home|available)"
    ),
    "callback": (
        r"call (me |us )?(back|later|again|another|tomorrow|next|on|this|in|after)\b|try (again |me )?(later|tomorrow|another)"
        r"|(bad|not a good|not the best|inconvenient) (time|moment)|can't talk|cannot talk|busy (right now|at the moment)"
        r"|i'm driving|in a meeting|ring (me )?(back|later)|later today"
    ),
    "who_is_this": (
        r"who('s| is| are) (this|that|calling|speaking|you|there)|who am i (speaking|talking)|who do you (work|call)"
        r"|where are you calling|what company|is this a (robot|machine|recording|computer)|are you (a |an )?(robot|real|human|ai|machine)"
        r"|what (is this|are you calling) (about|for)|what do you want|why are you calling"
    ),
    "repeat": (
        r"(say|repeat) (that|it|this)|repeat (please|the)|pardon|say again|come again|(didn't|did not|couldn't|can't|cannot) "
        r"(hear|catch|understand|get) (you|that|it|what)|what did you say|speak (up|slower|more)|excuse me\?*$|^(sorry|what)\?*$"
    ),
    "hold": (
        r"hold on|hang on|(one|just a|just one|a) (moment|second|minute|sec)|wait a|bear with|let me (check|look|see|get|ask)"
        r"|please (hold|wait)|hold the line|putting you|i'll (check|get|put|transfer)|stay on the line|transfer you"
    ),
    "not_interested": (
        r"not interested|no interest|don't (want|need) (it|this|that|any|your)|do not (want|need) (it|this|any|your)"
        r"|not for (me|us)"
    ),
    "goodbye": r"\b(good ?bye|bye( bye)?|see you|farewell|have a (nice|good) (day|one|evening))\b",
    "greeting": r"^(hello|hi|hey|good (morning|afternoon|evening|day)|yes hello|speaking|this is)\b|how (can|may) i help|speaking$",
    "no": (
        r"^(no|nope|nah)\b|\bno\b(?! (problem|worries|trouble|one|questions))|\bnot (really|possible|work|good|that|at all)\b"
        r"|\b(doesn't|does not|won't|will not|wouldn't) (work|suit|fit|be)|\b(can't|cannot|can not|couldn't) (do|make|come)"
        r"|unfortunately|another (time|day)|i('m| am) afraid|different (time|day)|negative|i don't think|not (on|this|tuesday)"
        r"|\b(can't|cannot|won't)$|^i (can't|cannot|won't)|that is not right|that's not right|i don't$"
    ),
    "yes": (
        r"\b(yes|yeah|yep|yup|sure|certainly|absolutely|definitely|correct|of course|okay|ok|all right|alright|indeed)\b"
        r"|(?<!not )\b(that|it|which|this)( one| time| day)?('s| is| will be| would be|'ll be) (fine|good|great|ok|okay|right|perfect|possible)"
        r"|(?<!n't )(?<!not )\b(works|that'll work|will work|would work|suits|sounds good|fits)\b|\bno (problem|worries|trouble)\b"
        r"|\bi (can|will|do|am|would)\b(?! not)(?! you)|please do|go ahead|happy to|looking forward|affirmative|fine (with|by|for)"
    ),
}
_COMPILED: Final = {name: re.compile(rule) for name, rule in _RULES.items()}
_QUESTION_START: Final = re.compile(
    r"^((and|but|so|well|ok|okay|yes|yeah|no|um|uh|wait|sorry|right|hello|hi|fine|good|sure|first) )*"
    r"(what|when|where|why|how|which|whose|will|would|do|does|did|is|are|can|could|should|shall|may|have|has) "
    r"(i|we|you|it|he|she|they|the|this|that|there|a|an|my|our|your|to|long|much|many|is|are|will|would|do|does|can|"
    r"should|about|time|day|kind|if|happens|else|exactly|any|someone|somebody|anyone|anybody)\b"
)
_LATER_QUESTION: Final = re.compile(
    r"\b(how (long|much|many|often|far)|what (time|does|do|will|is the|about|if|kind)|will (the|it|you|there|i|we)|"
    r"do (i|we) (have|need)|does (it|the|that)|is (it|there|the)|are there|can (i|we|you)|could (i|we|you)|"
    r"should (i|we)|where (is|do|will)|when (is|do|will))\b"
)
_NOT_A_QUESTION: Final = re.compile(r"how (can|may) i help|how are you|can i help|what can i do for you|^may i ask")


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
    return heard.intents | heard.spotted | meanings_of_text(heard.text)


def meanings_of_text(text: str) -> frozenset[str]:
    """Meanings found in the words alone."""
    plain = " ".join(re.findall(r"[a-z0-9']+", text.lower().replace("’", "'")))
    found = {name for name, rule in _COMPILED.items() if rule.search(plain)}
    if _NOT_A_QUESTION.search(plain):
        found.add("greeting")
    elif _QUESTION_START.search(plain) or _LATER_QUESTION.search(plain) or text.rstrip().endswith("?"):
        found.add("question")
    return frozenset(found)


def is_monologue(heard: Heard) -> bool:
    """So long without a pause that no person answers the phone like this."""
    return heard.duration_ms >= MONOLOGUE_MS
