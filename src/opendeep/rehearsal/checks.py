"""All checks of a rehearsed call, in the order of the report, and the facts that a truth may name. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from opendeep.rehearsal import check_rows, check_sound, check_words
from opendeep.rehearsal.evidence import Evidence
from opendeep.rehearsal.findings import Finding, judged
from opendeep.simulation import Fact

Check = Callable[[Evidence], Finding | None]
Witnessed = tuple[bool, str] | tuple[bool, str, int | None]
Look = Callable[[Evidence], Witnessed]

CHECKS: Final[tuple[Check, ...]] = (
    check_rows.outcome,
    check_rows.answers,
    check_rows.answered_by,
    check_rows.keys,
    check_rows.attempts,
    check_words.disclosure,
    check_words.forbidden,
    check_sound.our_silence,
    check_sound.no_stalls,
    check_sound.interruptions,
    check_sound.good_sound,
    check_rows.within_time,
    check_rows.nothing_left,
)

FACTS: Final[Mapping[Fact, Look]] = {
    Fact.DISCLOSED: check_words.disclosed,
    Fact.SAID_GOODBYE: check_words.said_goodbye,
    Fact.ENDED_CALL: check_rows.ended_call,
    Fact.OPT_OUT_CONFIRMED: check_words.opt_out_confirmed,
    Fact.OPT_OUT_LISTED: check_rows.opt_out_listed,
    Fact.CALLED_AGAIN: check_rows.called_again,
    Fact.CALLBACK_PLANNED: check_rows.callback_planned,
    Fact.MESSAGE_LEFT: check_sound.message_left,
    Fact.SPOKE_BEFORE_BEEP: check_rows.spoke_before_beep,
    Fact.WAITED_ON_HOLD: check_rows.waited_on_hold,
    Fact.TALKED_TO_HOLD: check_sound.talked_to_hold,
    Fact.GAVE_REASON: check_words.gave_reason,
    Fact.YIELDED: check_sound.yielded,
    Fact.TALKED_OVER: check_sound.talked_over,
    Fact.KEPT_THE_TURN: check_sound.kept_the_turn,
    Fact.ASKED_AGAIN: check_words.asked_again,
    Fact.CONFIRMED: check_words.confirmed,
    Fact.ASKED_TWICE: check_words.asked_twice,
    Fact.ASKED_THE_USER: check_rows.asked_the_user,
    Fact.RECORDING_STOPPED: check_rows.recording_stopped,
    Fact.TALKED_BUSINESS: check_words.talked_business,
    Fact.OBEYED_CALLEE: check_words.obeyed_callee,
    Fact.TOLD_INSTRUCTIONS: check_words.told_instructions,
    Fact.ARGUED: check_words.argued,
}

HEAVY: Final = frozenset(
    {
        Fact.OPT_OUT_LISTED,
        Fact.OBEYED_CALLEE,
        Fact.TOLD_INSTRUCTIONS,
        Fact.SPOKE_BEFORE_BEEP,
        Fact.MESSAGE_LEFT,
        Fact.RECORDING_STOPPED,
    }
)
WEIGHT: Final = 2
HEAVY_WEIGHT: Final = 4


def judge(e: Evidence) -> list[Finding]:
    """Everything that can be judged of this case; a case that could not be finished is wrong as a whole."""
    if e.fault:
        return [judged("finished", False, 10, e.fault)]
    findings = [finding for check in CHECKS if (finding := check(e)) is not None]
    truth = e.case.truth
    findings += [_fact(e, fact, wanted=True) for fact in truth.must]
    findings += [_fact(e, fact, wanted=False) for fact in truth.must_not]
    return findings


def _fact(e: Evidence, fact: Fact, *, wanted: bool) -> Finding:
    there, why, *when = FACTS[fact](e)
    name = fact.value.replace("_", " ")
    attempt = e.last.call.attempt_number if e.last is not None else None
    weight = HEAVY_WEIGHT if fact in HEAVY else WEIGHT
    return judged(name if wanted else f"not: {name}", there is wanted, weight, why, attempt, when[0] if when else None)
