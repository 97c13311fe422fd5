"""A trunk's circuit breaker as a table of states. Pure: time is an argument, the state is a row's.

| state | a call may go out | fault of the line | the line has proved itself |
|---|---|---|---|
| CLOSED | yes | counts; OPEN when it is too much | counts |
| OPEN | from `until` on, then HALF_OPEN | stays OPEN | CLOSED |
| HALF_OPEN | from `until` on (the trial call was lost) | OPEN for longer | CLOSED |

Only faults of the line count; a busy, refusing or silent callee proves that the line is well (`line_faults`).
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from opendeep.common.trunk_values import Breaker, BreakerState

WINDOW: Final = 20  # judged calls that are looked at
MIN_FAULTS: Final = 5  # of them, and
FAULT_SHARE: Final = 0.5  # this share at least
IN_A_ROW: Final = 3  # or so many faults without a good call between
WAIT_FIRST_S: Final = 15.0
WAIT_MAX_S: Final = 600.0
TRIAL_S: Final = 60.0  # a trial call of which nothing was heard by then is taken for lost
FAULT, WELL = "x", "."


def may_call(breaker: Breaker, now: datetime) -> bool:
    """A wait longer than any is that of a clock which has been put back since; it is over."""
    if breaker.state is BreakerState.CLOSED or breaker.until is None:
        return True
    return not timedelta(0) < breaker.until - now <= timedelta(seconds=WAIT_MAX_S)


def let_through(breaker: Breaker, now: datetime) -> Breaker:
    """The state once a call that `may_call` allowed has gone out."""
    if breaker.state is BreakerState.CLOSED:
        return breaker
    return replace(breaker, state=BreakerState.HALF_OPEN, until=now + timedelta(seconds=TRIAL_S))


def prove(breaker: Breaker) -> Breaker:
    """A call went through: the line is well."""
    if breaker.state is not BreakerState.CLOSED:
        return Breaker()
    return replace(breaker, recent=(breaker.recent + WELL)[-WINDOW:])


def fail(breaker: Breaker, now: datetime, reason: str) -> Breaker:
    """A call met a fault of the line."""
    match breaker.state:
        case BreakerState.OPEN:
            return breaker  # a call from before the opening
        case BreakerState.HALF_OPEN:
            return force_open(breaker, now, reason)
    failed = replace(breaker, recent=(breaker.recent + FAULT)[-WINDOW:])
    return force_open(failed, now, reason) if _is_too_much(failed.recent) else failed


def has_served_since_a_fault(breaker: Breaker) -> bool:
    """A call went through after the last fault that counted."""
    return breaker.state is BreakerState.CLOSED and breaker.recent.endswith(WELL)


def force_open(breaker: Breaker, now: datetime, reason: str) -> Breaker:
    """Open whatever the window says, for as long as the number of openings asks."""
    wait_s = min(WAIT_FIRST_S * 2 ** min(breaker.openings, 16), WAIT_MAX_S)
    return Breaker(BreakerState.OPEN, breaker.recent, breaker.openings + 1, reason, now + timedelta(seconds=wait_s))


def _is_too_much(recent: str) -> bool:
    faults = recent.count(FAULT)
    return recent.endswith(FAULT * IN_A_ROW) or (faults >= MIN_FAULTS and faults >= FAULT_SHARE * len(recent))
