"""When a call is on hold: stop paying for listening, wait with a limit, notice that somebody is back. Pure.

Owns the policy: what begins a hold, what ends it, and when waiting is no longer worth its time or money. `call_senses`
gives the facts every 100 ms and carries out the acts. Times are ms of the call.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from opendeep.audio_processing_service.who_answered import asks_to_hold

MUSIC_MS: Final = 1_000  # of music before it is a hold: the detector itself took seconds
ASKED_QUIET_MS: Final = 3_000  # of silence or music after "please hold"
ASKED_FOR_MS: Final = 15_000  # a promise to come back is forgotten when talk went on so long
VOICE_MS: Final = 700  # of a voice before somebody may be back: a jingle's cry is shorter
PERSON_WAITS_MS: Final = 600  # of quiet after the words: a person waits for ours, a recording goes back to its music
LISTEN_MS: Final = 12_000  # of a voice to the provider before it is known to be a recording
MAX_ANNOUNCEMENTS: Final = 8  # remembered; the oldest goes first
MAX_WORDS: Final = 100  # of each
SAME_RECORDING: Final = 0.7  # of all words of both in common; recognition errs

MS_PER_MINUTE: Final = 60_000


class HoldAct(Enum):
    """What to do now."""

    PAUSE = auto()  # no audio to the provider any more; silence to the line; questions to the user may be asked now
    LISTEN = auto()  # a voice: audio to the provider again, but nothing is said yet
    PAUSE_AGAIN = auto()  # it was the recording
    RESUME = auto()  # somebody is back: talk
    GIVE_UP_TIME = auto()  # end politely: waited too long
    GIVE_UP_MONEY = auto()  # end politely: the waiting costs too much


class HoldState(Enum):
    """Where the call is. `OVER`: given up; nothing more is asked."""

    TALKING = auto()
    HOLDING = auto()
    LISTENING = auto()  # on hold, and a voice is being listened to
    OVER = auto()


TRANSITIONS: Final[dict[HoldState, dict[HoldAct, HoldState]]] = {
    HoldState.TALKING: {HoldAct.PAUSE: HoldState.HOLDING},
    HoldState.HOLDING: {
        HoldAct.LISTEN: HoldState.LISTENING,
        HoldAct.GIVE_UP_TIME: HoldState.OVER,
        HoldAct.GIVE_UP_MONEY: HoldState.OVER,
    },
    HoldState.LISTENING: {
        HoldAct.PAUSE_AGAIN: HoldState.HOLDING,
        HoldAct.RESUME: HoldState.TALKING,
        HoldAct.GIVE_UP_TIME: HoldState.OVER,
        HoldAct.GIVE_UP_MONEY: HoldState.OVER,
    },
    HoldState.OVER: {},
}


@dataclass(frozen=True, slots=True)
class HoldLimits:
    """`longest_ms`: of all holds of the call together; `price_per_minute`: what the telephone line costs meanwhile (0:
    unknown or free); `most_spend`: what waiting may cost, in the same currency (None: no limit)."""

    longest_ms: int = 15 * MS_PER_MINUTE
    price_per_minute: float = 0.0
    most_spend: float | None = None


@dataclass(frozen=True, slots=True)
class HoldFacts:
    """The line at one moment. `voice`: sound that is neither known music nor a tone; `ringing`: ringback after the
    answer; `we_speak`: our own words are being played."""

    now_ms: int
    music: bool = False
    ringing: bool = False
    voice: bool = False
    we_speak: bool = False


class HoldWatch:
    """One per call. `check` gives at most one act; `heard_words` is told what the callee was understood to say."""

    def __init__(self, limits: HoldLimits) -> None:
        self._limits = limits
        self._announcements: deque[frozenset[str]] = deque(maxlen=MAX_ANNOUNCEMENTS)
        self._music_since_ms: int | None = None
        self._voice_since_ms: int | None = None
        self._quiet_since_ms = 0
        self._asked_ms: int | None = None
        self._listening_since_ms = 0
        self._words: str | None = None  # understood while listening, not judged yet
        self._held_ms = 0
        self._last_ms: int | None = None
        self.state = HoldState.TALKING

    @property
    def held_ms(self) -> int:
        """How long the call was on hold, all holds together."""
        return self._held_ms

    @property
    def cost(self) -> float:
        """What the line cost meanwhile."""
        return self._held_ms / MS_PER_MINUTE * self._limits.price_per_minute

    @property
    def on_hold(self) -> bool:
        """Nothing may be said: nobody would hear it."""
        return self.state in (HoldState.HOLDING, HoldState.LISTENING)

    def heard_words(self, words: str, now_ms: int) -> None:
        """What a voice on the line was understood to say. "Please hold" begins a hold when nobody talks any more."""
        if self.on_hold:
            self._words = f"{self._words or ''} {words}".strip()
        elif asks_to_hold(words):
            self._asked_ms = now_ms

    def check(self, facts: HoldFacts) -> HoldAct | None:
        """Every 100 ms or so."""
        self._note(facts)
        if self.state is HoldState.OVER:
            return None
        act = self._talking(facts) if self.state is HoldState.TALKING else self._waiting(facts)
        if act is not None:
            self._enter(act, facts.now_ms)
        return act

    # -- what is due

    def _talking(self, facts: HoldFacts) -> HoldAct | None:
        if facts.we_speak or facts.voice:
            return None
        if facts.ringing or (self._music_since_ms is not None and facts.now_ms - self._music_since_ms >= MUSIC_MS):
            return HoldAct.PAUSE
        if self._asked_ms is None:
            return None
        if facts.now_ms - self._asked_ms > ASKED_FOR_MS:
            self._asked_ms = None
            return None
        return HoldAct.PAUSE if facts.now_ms - max(self._quiet_since_ms, self._asked_ms) >= ASKED_QUIET_MS else None

    def _waiting(self, facts: HoldFacts) -> HoldAct | None:
        if self._held_ms >= self._limits.longest_ms:
            return HoldAct.GIVE_UP_TIME
        if self._limits.most_spend is not None and self.cost > self._limits.most_spend:
            return HoldAct.GIVE_UP_MONEY
        if self.state is HoldState.LISTENING:
            return self._listening(facts)
        began = self._voice_since_ms
        return HoldAct.LISTEN if began is not None and facts.now_ms - began >= VOICE_MS else None

    def _listening(self, facts: HoldFacts) -> HoldAct | None:
        """New words and then quiet are a person; words that came before, or music after them, are a recording."""
        if self._words and self._is_known(self._words):
            return HoldAct.PAUSE_AGAIN
        if facts.music or facts.ringing or facts.now_ms - self._listening_since_ms >= LISTEN_MS:
            return HoldAct.PAUSE_AGAIN
        quiet = not facts.voice and facts.now_ms - self._quiet_since_ms >= PERSON_WAITS_MS
        return HoldAct.RESUME if self._words and quiet else None

    def _is_known(self, words: str) -> bool:
        mine = _fingerprint(words)
        return asks_to_hold(words) or any(
            len(mine & other) >= SAME_RECORDING * len(mine | other) for other in self._announcements
        )

    def _enter(self, act: HoldAct, now_ms: int) -> None:
        self.state = TRANSITIONS[self.state][act]
        if act is HoldAct.PAUSE:
            self._asked_ms = None
        if act is HoldAct.LISTEN:
            self._listening_since_ms, self._words = now_ms, None
        if act is HoldAct.PAUSE_AGAIN and self._words:
            self._announcements.append(_fingerprint(self._words))
        if act in (HoldAct.PAUSE_AGAIN, HoldAct.RESUME):
            self._voice_since_ms = self._music_since_ms = None

    def _note(self, facts: HoldFacts) -> None:
        """What lasts since when, and what the hold has cost."""
        now_ms = facts.now_ms
        if self.on_hold and self._last_ms is not None:
            self._held_ms += now_ms - self._last_ms
        self._last_ms = now_ms
        self._music_since_ms = _since(self._music_since_ms, facts.music, now_ms)
        self._voice_since_ms = _since(self._voice_since_ms, facts.voice and not facts.music, now_ms)
        if facts.voice or facts.we_speak:
            self._quiet_since_ms = now_ms


def _since(before: int | None, lasts: bool, now_ms: int) -> int | None:
    if not lasts:
        return None
    return now_ms if before is None else before


def _fingerprint(words: str) -> frozenset[str]:
    return frozenset(words.lower().split()[:MAX_WORDS])
