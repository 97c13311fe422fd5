"""Whether somebody who speaks over the AI takes the turn: a word of assent, a cough, or "no, wait". Pure.

The AI falls silent at once in any case; this policy decides whether its words are given up or go on. Speech that lasts
takes the turn; a short sound waits for its words: hums never take it, assent ("yes", "okay") only when a question was
asked, and sounds without words never. When no words come in time, the turn is given: rather cut once too often than
talk over somebody. Times are ms of the call.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

CONFIRM_MS: Final = 1_000  # of speech that has not stopped; "mm-hm" is told to have stopped within 800 ms
WORDS_MS: Final = 900  # from the end of a short sound to its words
MAX_WORDS: Final = 3  # of assent; more is a sentence


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HUMS: Final = _words("mm mmm mhm mhmm hm hmm hmmm mmhm mmhmm uhhuh uhuh ah aha ahah oh uh um er huh äh ähm öh euh eh")
_ASSENT: Final = _words(
    "yes yeah yep yup ok okay right sure alright good great fine exactly true understood "
    "ja jawohl genau gut klar richtig stimmt schön okey "
    "oui ouais bien voilà entendu sí si vale claro bueno certo va bene sì goed prima"
)
_FILLING: Final = _words("i see all so got it d accord d'accord of course thanks thank you")


class TurnAct(Enum):
    """What becomes of the words that the AI was saying."""

    CUT = auto()  # the callee has the turn
    GO_ON = auto()  # nothing was meant by it


@dataclass(slots=True)
class _Sound:
    item_id: str
    since_ms: int
    stopped_ms: int | None = None


class BargeIn:
    """One per call. At most one sound is in doubt at a time."""

    def __init__(self) -> None:
        self._sound: _Sound | None = None

    @property
    def in_doubt(self) -> bool:
        """The AI is silent and its words still wait."""
        return self._sound is not None

    def started(self, item_id: str, now_ms: int) -> TurnAct | None:
        """A sound over the AI's words. A second one in a row is no accident."""
        if self._sound is not None:
            self._sound = None
            return TurnAct.CUT
        self._sound = _Sound(item_id, now_ms)
        return None

    def stopped(self, now_ms: int) -> None:
        """The sound in doubt is over; its words will come."""
        if self._sound is not None:
            self._sound.stopped_ms = now_ms

    def words(self, item_id: str, text: str, *, asked: bool) -> TurnAct | None:
        """What was recognised. `asked`: the callee has heard a question of ours and may be answering it."""
        sound = self._sound
        if sound is None or sound.item_id != item_id or sound.stopped_ms is None:
            return None
        self._sound = None
        return TurnAct.GO_ON if means_nothing(text, asked=asked) else TurnAct.CUT

    def check(self, now_ms: int) -> TurnAct | None:
        """Every 100 ms or so: a sound that has lasted, or whose words do not come."""
        sound = self._sound
        if sound is None:
            return None
        waits_since_ms, patience_ms = (
            (sound.since_ms, CONFIRM_MS) if sound.stopped_ms is None else (sound.stopped_ms, WORDS_MS)
        )
        if now_ms - waits_since_ms < patience_ms:
            return None
        self._sound = None
        return TurnAct.CUT

    def forget(self) -> None:
        """The AI's words are gone for another reason."""
        self._sound = None


def means_nothing(text: str, *, asked: bool) -> bool:
    """Whether these words leave the turn to the AI. Words of languages that are not listed take it."""
    words = "".join(c if c.isalnum() or c in "'\u2019" else " " for c in text.lower().replace("-", "")).split()
    if all(word in _HUMS for word in words):
        return True
    if asked or len(words) > MAX_WORDS:
        return False
    return all(word in _HUMS or word in _ASSENT or word in _FILLING for word in words)
