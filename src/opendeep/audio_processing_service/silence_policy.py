"""What to do when nobody says anything: speak again after 1.5 s at first, 7 s later, at most three times, then end.

Pure: the caller says what is going on and what time it is (ms of the call).
"""

from enum import Enum
from typing import Final

FIRST_SILENCE_MS: Final = 1_500  # after our opener, when nobody answered it
LATER_SILENCE_MS: Final = 7_000
MAX_PROMPTS: Final = 3


class SilenceAct(Enum):
    """`PROMPT`: let the AI speak. `END`: nobody is there."""

    PROMPT = "prompt"
    END = "end"


class SilencePolicy:
    """Fed every 100 ms or so by `check`."""

    def __init__(
        self,
        first_ms: int = FIRST_SILENCE_MS,
        later_ms: int = LATER_SILENCE_MS,
        max_prompts: int = MAX_PROMPTS,
    ) -> None:
        self._first_ms = first_ms
        self._later_ms = later_ms
        self._max_prompts = max_prompts
        self._quiet_since_ms = 0
        self._prompts = 0
        self._spoken_to = False

    @property
    def prompts(self) -> int:
        """Prompts since the callee last spoke."""
        return self._prompts

    def callee_spoke(self, now_ms: int) -> None:
        """The callee is there: count anew."""
        self._quiet_since_ms = now_ms
        self._prompts = 0
        self._spoken_to = True

    def check(self, now_ms: int, *, busy: bool, waiting: bool = False) -> SilenceAct | None:
        """`busy`: somebody speaks or an answer is on its way. `waiting`: the callee was asked to hold the line (a
        question to the user is open), so that prompts go on but are not counted.
        """
        if busy:
            self._quiet_since_ms = now_ms
            return None
        first = self._prompts == 0 and not self._spoken_to
        if now_ms - self._quiet_since_ms < (self._first_ms if first else self._later_ms):
            return None
        self._quiet_since_ms = now_ms
        if waiting:
            return SilenceAct.PROMPT
        if self._prompts >= self._max_prompts:
            return SilenceAct.END
        self._prompts += 1
        return SilenceAct.PROMPT
