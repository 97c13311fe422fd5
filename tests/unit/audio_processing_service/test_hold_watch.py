"""Holds: how they begin, which voices end them, and when waiting is given up."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.audio_processing_service.hold_watch import (
    MAX_ANNOUNCEMENTS,
    TRANSITIONS,
    HoldAct,
    HoldFacts,
    HoldLimits,
    HoldState,
    HoldWatch,
)

RECORDING = "visit our website for the fastest answers to your questions at any time"
PERSON = "hello this is Laura speaking how may i help"


class Line:
    """Plays stretches of sound to a watch and notes its acts with their times."""

    def __init__(self, limits: HoldLimits | None = None) -> None:
        self.watch = HoldWatch(limits or HoldLimits())
        self.now_ms = 0
        self.acts: list[tuple[int, HoldAct]] = []

    def play(
        self, ms: int, *, music: bool = False, ringing: bool = False, voice: bool = False, we: bool = False
    ) -> None:
        for _ in range(ms // 100):
            self.now_ms += 100
            act = self.watch.check(HoldFacts(self.now_ms, music, ringing, voice, we))
            if act is not None:
                self.acts.append((self.now_ms, act))

    def say(self, words: str, ms: int = 3000) -> None:
        """A voice, and its words when it ends."""
        self.play(ms, voice=True)
        self.watch.heard_words(words, self.now_ms)

    @property
    def names(self) -> list[HoldAct]:
        return [act for _, act in self.acts]


def test_music_begins_a_hold() -> None:
    line = Line()
    line.play(2000, voice=True)
    line.play(5000, music=True)
    assert line.acts == [(3100, HoldAct.PAUSE)]
    assert line.watch.on_hold


def test_ringing_after_the_answer_begins_a_hold_at_once() -> None:
    line = Line()
    line.play(1000, ringing=True)
    assert line.acts == [(100, HoldAct.PAUSE)]


def test_please_hold_begins_one_when_it_stays_quiet() -> None:
    line = Line()
    line.say("one moment please hold")
    line.play(5000)
    assert line.acts == [(6000, HoldAct.PAUSE)]


def test_please_hold_and_talk_that_goes_on_is_none() -> None:
    line = Line()
    line.say("please hold the line")
    for _ in range(10):
        line.play(2000, voice=True)
        line.play(1500)
    line.play(10_000)
    assert line.acts == []


def test_nothing_begins_while_we_speak() -> None:
    line = Line()
    line.play(10_000, music=True, we=True)
    assert line.acts == []


def test_a_person_who_comes_back_ends_the_hold() -> None:
    line = Line()
    line.play(30_000, music=True)
    line.say(PERSON)
    line.play(1000)
    assert line.names == [HoldAct.PAUSE, HoldAct.LISTEN, HoldAct.RESUME]
    listened_ms, resumed_ms = line.acts[1][0], line.acts[2][0]
    assert listened_ms == 30_000 + 800
    assert resumed_ms == 33_600
    assert not line.watch.on_hold


@pytest.mark.parametrize("words", ["your call is important to us please stay on the line", RECORDING])
def test_announcements_between_the_music_do_not_end_it(words: str) -> None:
    line = Line()
    line.play(10_000, music=True)
    for _ in range(5):
        line.say(words)
        line.play(200)
        line.play(20_000, music=True)
    assert line.names == [HoldAct.PAUSE, *[HoldAct.LISTEN, HoldAct.PAUSE_AGAIN] * 5]


def test_a_recording_that_was_heard_before_is_known_even_when_silence_follows() -> None:
    line = Line()
    line.play(10_000, music=True)
    line.say(RECORDING)
    line.play(10_000, music=True)
    line.say(RECORDING.replace("answers", "answer"))
    line.play(10_000)
    assert line.names == [HoldAct.PAUSE, HoldAct.LISTEN, HoldAct.PAUSE_AGAIN, HoldAct.LISTEN, HoldAct.PAUSE_AGAIN]
    line.say(PERSON)
    line.play(1000)
    assert line.names[-1] is HoldAct.RESUME


def test_a_voice_that_nobody_understands_is_listened_to_for_a_while_only() -> None:
    line = Line()
    line.play(5000, music=True)
    line.play(12_900, voice=True)
    assert line.names == [HoldAct.PAUSE, HoldAct.LISTEN, HoldAct.PAUSE_AGAIN]


def test_a_short_cry_in_the_music_is_not_listened_to() -> None:
    line = Line()
    for _ in range(10):
        line.play(5000, music=True)
        line.play(500, voice=True)
    assert line.names == [HoldAct.PAUSE]


def test_waiting_ends_after_its_time_all_holds_together() -> None:
    line = Line(HoldLimits(longest_ms=60_000))
    line.play(41_100, music=True)
    line.say(PERSON)
    line.play(5000)
    assert line.watch.state is HoldState.TALKING
    line.play(60_000, music=True)
    assert line.names[-1] is HoldAct.GIVE_UP_TIME
    assert line.watch.held_ms == 60_000
    assert line.watch.check(HoldFacts(line.now_ms + 100, voice=True)) is None


def test_waiting_ends_when_it_costs_too_much() -> None:
    line = Line(HoldLimits(price_per_minute=0.1, most_spend=0.25))
    line.play(200_000, music=True)
    assert line.names == [HoldAct.PAUSE, HoldAct.GIVE_UP_MONEY]
    assert line.watch.held_ms == pytest.approx(150_000, abs=100)


@given(
    steps=st.lists(
        st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.sampled_from(["", PERSON, RECORDING])),
        max_size=200,
    )
)
def test_any_line_keeps_to_the_table(steps: Iterable[tuple[bool, bool, bool, bool, str]]) -> None:
    watch, now_ms = HoldWatch(HoldLimits(longest_ms=30_000)), 0
    for music, ringing, voice, we, words in steps:
        now_ms += 700
        if words:
            watch.heard_words(words, now_ms)
        before = watch.state
        act = watch.check(HoldFacts(now_ms, music, ringing, voice, we))
        assert watch.state is (before if act is None else TRANSITIONS[before][act])
        assert watch.on_hold == (watch.state in (HoldState.HOLDING, HoldState.LISTENING))
        assert watch.held_ms <= 30_000 + 700
        assert len(watch._announcements) <= MAX_ANNOUNCEMENTS
