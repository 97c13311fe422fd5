"""The phases of a scripted call and which may follow which.

Owns the table. The machine changes its phase in one function, which looks the step up here: a failed look-up is a bug.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """Where the conversation stands."""

    OPENING = "opening"  # nothing was said yet
    GREETING = "greeting"  # we said hello, or somebody is fetched: the next words come from whom we want
    ASKING = "asking"  # disclosed and purpose given; a question is open, or the last reaction is awaited
    OTHER_TIME = "other_time"  # asked for another day and time
    CALLBACK_WHEN = "callback_when"  # asked when to call again
    IS_THERE = "is_there"  # asked whether the wanted person is there
    CHECKING = "checking"  # the user was asked, the callee holds the line
    CONFIRMING = "confirming"  # what was understood was said back; asked whether it is right
    PROMISING = "promising"  # the time of a call-back is being written down
    MENU = "menu"  # a keypad menu speaks
    MACHINE = "machine"  # a voicemail speaks, or records us
    CLOSED = "closed"  # the farewell was said; nothing follows


_EVERYWHERE: Final = frozenset({Phase.CLOSED})
_TALK: Final = frozenset(
    {
        Phase.GREETING,
        Phase.ASKING,
        Phase.OTHER_TIME,
        Phase.CALLBACK_WHEN,
        Phase.IS_THERE,
        Phase.CHECKING,
        Phase.CONFIRMING,
        Phase.PROMISING,
        Phase.MENU,
        Phase.MACHINE,
    }
)

NEXT_PHASES: Final[dict[Phase, frozenset[Phase]]] = {
    Phase.OPENING: _TALK | _EVERYWHERE,
    Phase.GREETING: _TALK | _EVERYWHERE,
    Phase.ASKING: _TALK | _EVERYWHERE,
    Phase.OTHER_TIME: frozenset(
        {Phase.ASKING, Phase.CHECKING, Phase.CALLBACK_WHEN, Phase.IS_THERE, Phase.PROMISING, Phase.CONFIRMING}
    )
    | _EVERYWHERE,
    Phase.CALLBACK_WHEN: frozenset({Phase.ASKING, Phase.IS_THERE, Phase.PROMISING}) | _EVERYWHERE,
    Phase.IS_THERE: frozenset({Phase.GREETING, Phase.ASKING, Phase.CALLBACK_WHEN, Phase.PROMISING}) | _EVERYWHERE,
    Phase.CHECKING: frozenset({Phase.ASKING, Phase.CONFIRMING}) | _EVERYWHERE,
    Phase.CONFIRMING: frozenset({Phase.ASKING, Phase.CALLBACK_WHEN, Phase.PROMISING}) | _EVERYWHERE,
    Phase.PROMISING: frozenset({Phase.ASKING}) | _EVERYWHERE,
    Phase.MENU: _TALK | _EVERYWHERE,
    Phase.MACHINE: _TALK | _EVERYWHERE,
    # Only a farewell that was cut off before `end_call` went out reopens a call.
    Phase.CLOSED: frozenset({Phase.ASKING, Phase.MACHINE}),
}
