"""What is overdue in a live call: somebody should speak, the time is up, the farewell was played. Pure.

The tick gives facts every 100 ms, the watch gives at most one act. Times are ms of the call.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from opendeep.audio_processing_service.silence_policy import SilenceAct, SilencePolicy

TAIL_MS: Final = 200  # of silence after the farewell: the last frames are still on their way to the callee


class WatchAct(Enum):
    """What to do now."""

    PROMPT = auto()  # let the AI speak
    SAY_GOODBYE = auto()  # the time is nearly up: tell the AI, once
    END_SILENCE = auto()
    END_TIME = auto()
    HANG_UP = auto()  # the farewell was played, or will never be


@dataclass(frozen=True, slots=True)
class LineFacts:
    """The call at one moment. `answering`: a response is produced or on its way; `waiting`: a question to the user is
    open; `on_hold`: nobody is there to speak; `last_words_out`: the response with the farewell is complete."""

    now_ms: int
    session_live: bool
    playing: bool
    callee_speaking: bool
    answering: bool
    tools_running: bool
    waiting: bool
    on_hold: bool
    last_words_out: bool


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """All in ms. `quiet_ms`: nothing left to play, but the farewell's response is not complete."""

    farewell_ms: int
    quiet_ms: int
    goodbye_before_ms: int


class CallWatch:
    """One per call. `limit_ms` 0: no longest duration is known yet."""

    def __init__(self, limits: WatchLimits) -> None:
        self._limits = limits
        self._silence = SilencePolicy()
        self._goodbye_told = False
        self._ending_ms: int | None = None
        self._idle_since_ms = 0
        self.limit_ms = 0

    def callee_spoke(self, now_ms: int) -> None:
        self._silence.callee_spoke(now_ms)

    def end(self, now_ms: int) -> None:
        """The call ends when the rest was played."""
        self._ending_ms = self._idle_since_ms = now_ms

    def check(self, facts: LineFacts) -> WatchAct | None:
        if facts.playing:
            self._idle_since_ms = facts.now_ms
        if self._ending_ms is not None:
            return self._check_farewell(facts, facts.now_ms - self._ending_ms)
        if self.limit_ms and facts.now_ms >= self.limit_ms:
            return WatchAct.END_TIME
        if not facts.session_live:
            return None
        if self._goodbye_due(facts.now_ms):
            self._goodbye_told = True
            return WatchAct.SAY_GOODBYE
        return self._check_silence(facts)

    def _goodbye_due(self, now_ms: int) -> bool:
        if not self.limit_ms or self._goodbye_told:
            return False
        return now_ms >= max(self.limit_ms - self._limits.goodbye_before_ms, self.limit_ms // 2)

    def _check_silence(self, facts: LineFacts) -> WatchAct | None:
        talking = facts.callee_speaking or facts.answering or facts.playing or facts.on_hold
        busy = talking or (facts.tools_running and not facts.waiting)
        act = self._silence.check(facts.now_ms, busy=busy, waiting=facts.waiting)
        if act is None:
            return None
        return WatchAct.PROMPT if act is SilenceAct.PROMPT else WatchAct.END_SILENCE

    def _check_farewell(self, facts: LineFacts, ending_for_ms: int) -> WatchAct | None:
        quiet_ms = facts.now_ms - self._idle_since_ms
        spoken = quiet_ms >= TAIL_MS and facts.last_words_out
        stuck = quiet_ms >= self._limits.quiet_ms or ending_for_ms >= self._limits.farewell_ms
        return WatchAct.HANG_UP if spoken or stuck else None
