"""The class of a callee, for the score per class: what makes it hard. Read from its file, nothing to fill in. Pure."""

from typing import Final

from opendeep.common.data_models import Disposition
from opendeep.simulation import Callee, Fact
from opendeep.simulation.callee_line import LineQuality
from opendeep.simulation.callee_schema import Node, Outcome, Voice

NOT_REACHED: Final = "not reached"
MAILBOX: Final = "mailbox"
MENU: Final = "menu"
HOLD: Final = "hold"
SCREENING: Final = "screening"
REFUSAL: Final = "refusal or opt-out"
WRONG: Final = "not the person"
INTERRUPTIONS: Final = "interruptions"
BAD_LINE: Final = "difficult line or voice"
MACHINE: Final = "nobody or a machine"
PERSON: Final = "person"

_TURN_FACTS: Final = frozenset({Fact.YIELDED, Fact.KEPT_THE_TURN, Fact.TALKED_OVER})
_REFUSED: Final = frozenset({Disposition.OPTED_OUT, Disposition.DECLINED})


def kind_of(callee: Callee) -> str:
    """The first class that fits, the most particular first."""
    nodes = list(callee.script.values())
    truth = callee.truth
    endings = set(truth.disposition) if truth is not None else set()
    facts = {*truth.must, *truth.must_not} if truth is not None else set()
    answered_by = truth.answered_by if truth is not None else None
    if all(attempt.outcome is not Outcome.ANSWER for attempt in callee.attempts):
        return NOT_REACHED
    if answered_by == "voicemail" or any(node.voicemail is not None for node in nodes):
        return MAILBOX
    if any(node.menu is not None for node in nodes):
        return MENU
    if answered_by == "screening" or Fact.GAVE_REASON in facts:
        return SCREENING
    if any(node.hold is not None for node in nodes):
        return HOLD
    if Disposition.OPTED_OUT in endings or (endings and endings <= _REFUSED):
        return REFUSAL
    if Disposition.WRONG_NUMBER in endings or Disposition.CALLBACK_REQUESTED in endings:
        return WRONG
    if answered_by in ("silence", "fax") or (Disposition.ACHIEVED not in endings and Fact.TALKED_BUSINESS in facts):
        return MACHINE
    if facts & _TURN_FACTS or any(_breaks_in(node) for node in nodes):
        return INTERRUPTIONS
    if callee.line != LineQuality(seed=callee.line.seed) or _unusual(callee.voice):
        return BAD_LINE
    return PERSON if Disposition.ACHIEVED in endings else MACHINE


def _breaks_in(node: Node) -> bool:
    talk = node.talk
    return talk is not None and (talk.backchannel is not None or any(rule.ai_speaks_ms for rule in talk.rules))


def _unusual(voice: Voice | None) -> bool:
    return voice is not None and (voice.speed, voice.pitch, voice.level_db) != (1.0, 1.0, 0.0)
