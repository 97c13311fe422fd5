"""How the machines that answer telephones behave: a keypad menu, a queue with music, a mailbox.

Pure: time is an argument (milliseconds since the answer), output is a list of commands. People live in `callee_nodes`.
"""

from __future__ import annotations

import re

from opendeep.simulation.callee_commands import (
    Command,
    Deaf,
    GoTo,
    Moment,
    RuleUse,
    StopUttering,
    Utter,
    perform,
)
from opendeep.simulation.callee_mouth import HangUp, Pause, Play, PlayMusic, PlaySignal, Say
from opendeep.simulation.callee_schema import (
    Hold,
    HoldSound,
    Menu,
    Patience,
    SignalKind,
    SignalTone,
    Voice,
    Voicemail,
)

TRANSFER_MS = 800  # before the first ring, as a transfer takes
# A queue is played in pieces: a whole tune, a whole cycle of ringing, or a long silence.
PIECE_MS = {HoldSound.MUSIC: 16_000, HoldSound.RINGBACK: 6_000, HoldSound.SILENCE: 60_000}
# A machine ends by its own rules, not by a person's patience.
NO_PATIENCE = Patience(ask=None, ask_after_s=599, hang_up_after_s=600)


class MenuRun(Deaf):
    """A menu for keys, and for words where `spoken` is given."""

    def __init__(self, menu: Menu, voice: Voice | None) -> None:
        self._menu = menu
        self._repeats_left = menu.repeats
        self._over = False
        self._typed = ""
        self._typed_ms: int | None = None  # when the last key was seen
        self.voice = voice
        whole_s = (menu.timeout_ms / 1000 + 60) * (menu.repeats + 2)
        self.patience: Patience | None = NO_PATIENCE.model_copy(update={"hang_up_after_s": min(600.0, whole_s)})

    @property
    def wants_words(self) -> bool:
        return bool(self._menu.spoken)

    def enter(self, now_ms: int) -> list[Command]:
        return [Utter(Say(self._menu.prompt, self.voice))]

    def hear_turn(self, text: str, speech_ms: int) -> list[Command]:
        for pattern, node in self._menu.spoken.items():
            if not self._over and re.search(pattern, text, re.IGNORECASE):
                return [StopUttering(), GoTo(node)]
        return []

    def hear_digit(self, digit: str) -> list[Command]:
        if self._over:
            return []
        if digit == "#" and self._typed:
            return self._choose()
        self._typed, self._typed_ms = self._typed + digit, None
        if any(key != self._typed and key.startswith(self._typed) for key in self._menu.choices):
            return [StopUttering()]
        return self._choose()

    def tick(self, moment: Moment) -> list[Command]:
        if self._typed:
            self._typed_ms = moment.now_ms if self._typed_ms is None else self._typed_ms
            return self._choose() if moment.now_ms - self._typed_ms >= self._menu.key_gap_ms else []
        # Only our own silence counts: somebody who talks to a menu has not chosen either.
        if self._over or not moment.idle or moment.quiet_ms < self._menu.timeout_ms:
            return []
        return self._again()

    def _choose(self) -> list[Command]:
        """The typing is over."""
        node, self._typed = self._menu.choices.get(self._typed), ""
        if node is not None:
            return [StopUttering(), GoTo(node)]
        return [StopUttering(), Utter(Say(self._menu.invalid, self.voice)), *self._again()]

    def _again(self) -> list[Command]:
        if self._repeats_left > 0:
            self._repeats_left -= 1
            return [Utter(Say(self._menu.prompt, self.voice))]
        self._over = True
        if self._menu.otherwise is not None:
            return [GoTo(self._menu.otherwise)]
        return [Utter(Say(self._menu.farewell, self.voice)), Utter(HangUp())]


class HoldRun(Deaf):
    """A queue. It plays one piece after the other until the time is over, and hears nothing."""

    def __init__(self, hold: Hold, voice: Voice | None) -> None:
        self._hold = hold
        self._left_ms = int(hold.for_s * 1000)
        self._every_ms = int(hold.every_s * 1000)
        self._announce_in_ms = self._every_ms
        self._over = False
        self.voice = voice
        self.patience: Patience | None = NO_PATIENCE

    def enter(self, now_ms: int) -> list[Command]:
        said: list[Command] = [Utter(Say(self._hold.say, self.voice))] if self._hold.say is not None else []
        return [*said, Utter(Pause(TRANSFER_MS))] if self._hold.sound is HoldSound.RINGBACK else said

    def tick(self, moment: Moment) -> list[Command]:
        if self._over or not moment.idle:
            return []
        if self._left_ms <= 0:
            self._over = True
            return [GoTo(self._hold.goto)] if self._hold.goto is not None else [Utter(HangUp())]
        announcement = self._hold.announcement
        if announcement is not None and self._announce_in_ms <= 0:
            self._announce_in_ms = self._every_ms
            return [Utter(Say(announcement, self.voice))]
        piece_ms = min(self._left_ms, PIECE_MS[self._hold.sound])
        if announcement is not None:
            piece_ms = min(piece_ms, self._announce_in_ms)
            self._announce_in_ms -= piece_ms
        self._left_ms -= piece_ms
        return [self._sound(max(20, piece_ms))]

    def _sound(self, ms: int) -> Command:
        hold = self._hold
        if hold.sound is HoldSound.MUSIC:
            return Utter(PlayMusic(ms, hold.level_dbfs, hold.seed))
        if hold.sound is HoldSound.RINGBACK and ms == PIECE_MS[hold.sound]:
            return Utter(PlaySignal(SignalTone(kind=SignalKind.RINGBACK, level_dbfs=max(-60.0, hold.level_dbfs))))
        return Utter(Pause(ms))  # a rest that is too short for another ring is silent


class VoicemailRun(Deaf):
    """A mailbox: greeting, beep, recording. What is said before the beep ended is noted, not recorded."""

    def __init__(self, voicemail: Voicemail, voice: Voice | None, use: RuleUse) -> None:
        self._voicemail = voicemail
        self._use = use
        self._recording_since_ms: int | None = None
        self._over = False
        self.spoke_before_beep = False
        self.voice = voice
        self.patience: Patience | None = NO_PATIENCE

    @property
    def recording(self) -> bool:
        return self._recording_since_ms is not None and not self._over

    def enter(self, now_ms: int) -> list[Command]:
        mailbox = self._voicemail
        return [
            *perform(mailbox.before, ("before",), self._use, self.voice),
            Utter(Say(mailbox.greeting, self.voice)),
            Utter(Pause(mailbox.pause_ms)),
            Utter(Play(mailbox.beep)),
        ]

    def hear_speaking(self, speech_ms: int) -> list[Command]:
        self.spoke_before_beep |= not self.recording
        return []

    def tick(self, moment: Moment) -> list[Command]:
        if self._recording_since_ms is None:
            if moment.idle:
                self._recording_since_ms = moment.now_ms
            return []
        recorded_ms = moment.now_ms - self._recording_since_ms
        quiet_ms = min(recorded_ms, moment.ai_quiet_ms)
        too_long = recorded_ms >= self._voicemail.max_message_s * 1000
        if self._over or not (too_long or quiet_ms >= self._voicemail.silence_s * 1000):
            return []
        self._over = True
        return [Utter(HangUp())]
