"""The mouth of a callee: utterances in, 20 ms frames out."""

from __future__ import annotations

from opendeep.simulation.audiosocket_wire import SILENCE_FRAME
from opendeep.simulation.callee_mouth import (
    LINE_DEADLINE_MS,
    MAX_QUEUE,
    Clip,
    Echo,
    HangUp,
    Mouth,
    Pause,
    Play,
    PlayMusic,
    PlaySignal,
    Press,
    Say,
)
from opendeep.simulation.callee_schema import SignalKind, SignalTone, Tone
from opendeep.simulation.witness import Sounding

HEARD = b"\x07\x08" * 160


class Lines:
    def __init__(self, **lines: bytes) -> None:
        self.lines = lines

    def get(self, say: Say) -> bytes | None:
        return self.lines.get(say.text)

    def clip(self, name: str) -> bytes:
        return self.lines[name]


def frames(mouth: Mouth, count: int) -> list[bytes]:
    return [mouth.pull(HEARD) for _ in range(count)]


def test_utterances_follow_one_another_without_a_gap_and_the_last_is_padded() -> None:
    mouth = Mouth(Lines(hi=b"ab" * 240))
    for utterance in (Say("hi"), Pause(40), Play(Tone(hz=500, ms=20)), HangUp()):
        mouth.add(utterance)
    played = frames(mouth, 6)
    assert played[0] == b"ab" * 160
    assert played[1] == b"ab" * 80 + bytes(160)
    assert played[2:4] == [SILENCE_FRAME] * 2
    assert any(played[4])
    assert mouth.hung_up
    assert mouth.idle


def test_a_line_that_is_not_ready_is_waited_for_but_not_for_ever() -> None:
    lines = Lines()
    mouth = Mouth(lines)
    mouth.add(Say("late"))
    mouth.add(Say("never"))
    assert frames(mouth, 10) == [SILENCE_FRAME] * 10
    assert not mouth.idle
    lines.lines["late"] = b"ab" * 160
    assert mouth.pull(HEARD) == b"ab" * 160
    frames(mouth, LINE_DEADLINE_MS // 20 + 1)
    assert mouth.idle


def test_keys_are_pressed_one_after_the_other() -> None:
    mouth = Mouth(Lines())
    mouth.add(Press("12#"))
    mouth.add(Pause(20))
    pressed: list[tuple[int, str]] = []
    for tick in range(40):
        mouth.pull(HEARD)
        pressed.extend((tick, digit) for digit in mouth.take_digits())
    assert pressed == [(0, "1"), (11, "2"), (22, "#")]


def test_echo_repeats_what_is_heard_while_nothing_is_said() -> None:
    mouth = Mouth(Lines(hi=b"ab" * 160))
    mouth.add(Echo(on=True))
    assert mouth.pull(HEARD) == HEARD
    mouth.add(Say("hi"))
    assert mouth.pull(HEARD) == b"ab" * 160
    mouth.add(Echo(on=False))
    assert mouth.pull(HEARD) == SILENCE_FRAME


def test_stop_is_at_once_and_a_full_queue_counts_what_it_drops() -> None:
    mouth = Mouth(Lines())
    for _ in range(MAX_QUEUE + 5):
        mouth.add(Pause(1000))
    assert mouth.dropped == 5
    mouth.pull(HEARD)
    mouth.stop()
    assert mouth.idle


def test_music_signals_and_clips_are_played_for_their_whole_length() -> None:
    mouth = Mouth(Lines(door=b"ab" * 160))
    mouth.add(PlayMusic(60, -20.0, 1))
    mouth.add(PlaySignal(SignalTone(kind=SignalKind.BUSY, times=2)))
    mouth.add(Clip("door"))
    played = frames(mouth, 3 + 100 + 1)
    assert all(any(frame) for frame in played[:28])  # music, then the first busy tone
    assert played[28:53] == [SILENCE_FRAME] * 25
    assert played[-1] == b"ab" * 160
    assert mouth.idle


def test_it_remembers_what_it_uttered_and_when_to_the_frame() -> None:
    mouth = Mouth(Lines(hello=bytes(2 * 320), bye=bytes(3 * 320)))
    for utterance in (Pause(40), Say("hello"), Play(Tone(ms=100)), PlayMusic(60, -20, 1), Say("bye"), Press("1")):
        mouth.add(utterance)
    frames(mouth, 20)
    assert [(one.at_ms, one.ms, one.kind, one.words) for one in mouth.uttered] == [
        (40, 40, Sounding.WORDS, "hello"),
        (80, 100, Sounding.TONE, ""),
        (180, 60, Sounding.MUSIC, ""),
        (240, 60, Sounding.WORDS, "bye"),
    ]


def test_what_it_broke_off_is_remembered_as_long_as_it_sounded() -> None:
    mouth = Mouth(Lines(long=bytes(10 * 320)))
    mouth.add(Say("long"))
    frames(mouth, 4)
    mouth.stop()
    frames(mouth, 4)
    assert [(one.at_ms, one.ms) for one in mouth.uttered] == [(0, 80)]
    mouth.stop()  # nothing is sounding any more
    assert [(one.at_ms, one.ms) for one in mouth.uttered] == [(0, 80)]
