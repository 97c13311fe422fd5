"""The checks that listen, on timelines of sound that were laid out by hand."""

import numpy as np
import pytest

from opendeep.common.data_models import TranscriptTurn
from opendeep.rehearsal import check_sound
from opendeep.simulation.witness import Sounding, Visit
from tests.unit.rehearsal.builder import MESSAGE, evidence, heard, ours, sounding, words

HELLO = words(400, 1600, "hello how can i help you")  # until 2,000 ms


@pytest.mark.parametrize(("begins", "share"), [(2_800, 1.0), (3_000, 1.0), (3_200, 0.0)])
def test_an_answer_begins_within_a_second(begins: int, share: float) -> None:
    found = check_sound.our_silence(evidence(uttered=[HELLO], sound=heard((begins, 6_000))))
    assert found is not None
    assert found.share == share
    assert found.at_ms == 2_000


def test_each_answer_counts_for_its_share_and_the_slowest_is_named() -> None:
    again = words(8_000, 1_000, "yes")
    found = check_sound.our_silence(evidence(uttered=[HELLO, again], sound=heard((2_500, 6_000), (11_000, 12_000))))
    assert found is not None
    assert found.share == 0.5
    assert "the slowest took 2000 ms" in found.why
    assert found.at_ms == 9_000


def test_silence_of_the_callee_is_not_ours() -> None:
    paused = words(3_500, 1_000, "let me see")  # it goes on itself after a pause of 1.5 s
    found = check_sound.our_silence(evidence(uttered=[HELLO, paused], sound=heard((5_000, 6_000))))
    assert found is not None
    assert found.share == 1.0
    assert check_sound.our_silence(evidence(sound=heard((0, 5_000)))) is None  # it never said anything
    assert check_sound.our_silence(evidence(uttered=[HELLO])) is None  # nobody spoke afterwards


def test_who_has_to_ask_whether_we_are_there_waited_for_us() -> None:
    patience = words(14_000, 500, "hello?")
    found = check_sound.our_silence(evidence(uttered=[HELLO, patience], sound=heard((15_000, 16_000))))
    assert found is not None
    assert found.share < 1.0
    assert "12000 ms" in found.why


def test_machines_do_not_wait_for_an_answer() -> None:
    in_the_mailbox = {"visits": (Visit(0, "mailbox"),)}
    assert check_sound.our_silence(evidence(uttered=[HELLO], sound=heard((9_000, 9_900)), about=in_the_mailbox)) is None


def test_a_hole_in_what_we_say_is_a_stall() -> None:
    turn = ours(0, 6_000, "This is one sentence.")
    torn = check_sound.no_stalls(evidence(turn, sound=heard((0, 2_000), (3_500, 6_000))))
    whole = check_sound.no_stalls(evidence(turn, sound=heard((0, 2_000), (2_700, 6_000))))
    assert torn is not None
    assert not torn.right
    assert torn.at_ms == 2_000
    assert whole is not None
    assert whole.right


# -- interruptions

BREAKS_IN = words(4_000, 1_500, "sorry who is this")


def broken(stop_ms: int, text: str = "I am calling") -> tuple[TranscriptTurn, np.ndarray]:
    return ours(2_500, stop_ms - 2_500, text, cut=True), heard((2_500, stop_ms))


EVERYTHING = "I am calling to arrange the yearly boiler inspection and to ask whether Tuesday at ten would suit you"


@pytest.mark.parametrize(
    ("stop_ms", "text", "right"),
    [(4_260, "I am calling", True), (4_700, "I am calling", False), (4_260, EVERYTHING, False)],
)
def test_an_interruption_stops_our_sound_and_the_transcript_has_what_was_heard(
    stop_ms: int, text: str, right: bool
) -> None:
    turn, sound = broken(stop_ms, text)
    found = check_sound.interruptions(evidence(turn, uttered=[BREAKS_IN], sound=sound))
    assert found is not None
    assert found.right is right
    assert found.at_ms == 4_000


@pytest.mark.parametrize(("stop_ms", "right"), [(4_500, True), (4_600, False)])
def test_yielding_is_to_be_silent_within_half_a_second(stop_ms: int, right: bool) -> None:
    turn, sound = broken(stop_ms)
    assert check_sound.yielded(evidence(turn, uttered=[BREAKS_IN], sound=sound))[0] is right


def test_our_own_echo_may_not_cut_us_off() -> None:
    assert not check_sound.yielded(evidence(ours(0, 900, "Hello."), uttered=[HELLO]))[0]
    assert check_sound.yielded(evidence(ours(0, 900, "Hello.", cut=True)))[0]


def test_a_hum_is_no_interruption_and_does_not_end_a_turn() -> None:
    hum = words(4_000, 700, "mm hmm")
    going_on = evidence(
        ours(2_500, 5_000, "I am calling about it"), uttered=[hum], sound=heard((2_500, 4_100), (4_800, 7_500))
    )
    assert check_sound.interruptions(going_on) is None
    assert check_sound.kept_the_turn(going_on)[0]
    ended = evidence(ours(2_500, 1_700, "I am calling", cut=True), uttered=[hum], sound=heard((2_500, 4_100)))
    assert not check_sound.kept_the_turn(ended)[0]
    assert not check_sound.kept_the_turn(evidence())[0]  # it never hummed while we spoke


def test_to_begin_inside_what_the_callee_says_is_to_talk_over_it() -> None:
    parts = [words(2_000, 500, "well"), words(3_200, 800, "let me see"), words(4_800, 1_500, "tuesday works")]
    assert check_sound.talked_over(evidence(uttered=parts, sound=heard((2_900, 4_000))))[0]
    assert not check_sound.talked_over(evidence(uttered=parts, sound=heard((500, 1_500), (6_500, 8_000))))[0]


# -- mailboxes and holds


def test_the_message_is_left_when_all_of_it_sounds_after_the_beep() -> None:
    greeting, beep = words(0, 4_000, "leave a message"), sounding(4_300, 400, Sounding.TONE)
    said = ours(5_000, 6_000, MESSAGE)
    assert check_sound.message_left(evidence(said, uttered=[greeting, beep], sound=heard((5_000, 11_000))))[0]
    assert not check_sound.message_left(evidence(said, uttered=[greeting, beep], sound=heard((5_000, 5_900))))[0]
    early = ours(1_000, 3_000, MESSAGE)
    assert not check_sound.message_left(evidence(early, uttered=[greeting, beep], sound=heard((1_000, 4_000))))[0]
    other = ours(5_000, 6_000, "Hello? Is anybody there?")
    assert not check_sound.message_left(evidence(other, uttered=[greeting, beep], sound=heard((5_000, 11_000))))[0]


def test_music_is_not_spoken_to_after_a_moment_of_grace() -> None:
    music = [sounding(1_000, 8_000, Sounding.MUSIC), sounding(9_000, 8_000, Sounding.MUSIC)]
    assert not check_sound.talked_to_hold(evidence(uttered=music, sound=heard((0, 2_500))))[0]
    assert check_sound.talked_to_hold(evidence(uttered=music, sound=heard((9_200, 10_000))))[0]


# -- what the callee hears of us


@pytest.mark.parametrize(("level", "right"), [(-17.0, True), (-60.0, False), (-45.0, False), (-3.0, False)])
def test_our_level_is_that_of_a_voice(level: float, right: bool) -> None:
    found = check_sound.good_sound(evidence(sound=heard((0, 3_000), level_dbfs=level)))
    assert (found is not None and found.right) is right


def test_clipping_is_heard() -> None:
    loud = heard((0, 3_000))
    loud[800:900] = 32_767
    found = check_sound.good_sound(evidence(sound=loud))
    assert found is not None
    assert not found.right
    assert "100 clipped samples" in found.why
