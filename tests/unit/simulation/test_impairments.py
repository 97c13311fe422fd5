"""What a line does to sound, measured on the sound: level, likeness, share of losses, delay of an echo, lateness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.simulation.audiosocket_wire import FRAME_BYTES, SILENCE_FRAME
from opendeep.simulation.callee_line import EchoPath, Jitter, LineQuality, Loss, LostAs, Noise, NoiseKind
from opendeep.simulation.impairments import (
    PATTERN_FRAMES,
    amplified,
    late_frames,
    lost_frames,
    mixed,
    noise_frame,
    through_mulaw,
)
from opendeep.simulation.line_quality import CalleeLine
from tests.support import sound

SECONDS = 3
FRAMES = SECONDS * 50
SPEECH_LIKE = sound.pcm_of(
    np.random.default_rng(5).normal(0, 0.1, SECONDS * 8000) * (1 + np.sin(np.arange(SECONDS * 8000) / 700)) / 2
)


def cut(pcm: bytes) -> list[bytes]:
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]


def spoken(line: CalleeLine, said: bytes, heard: bytes | None = None) -> bytes:
    others = cut(heard) if heard is not None else [SILENCE_FRAME] * len(cut(said))
    return b"".join(line.speak(frame, other) for frame, other in zip(cut(said), others, strict=True))


# -- coding and level


def test_mulaw_is_the_codec_that_the_tests_know_and_costs_little() -> None:
    every = np.arange(65_536, dtype=np.uint16).view(np.int16).astype("<i2").tobytes()
    ours = np.frombuffer(through_mulaw(every), dtype="<i2").astype(int)
    theirs = np.frombuffer(sound.mulaw_decode(sound.mulaw_encode(every)), dtype="<i2").astype(int)
    step = np.maximum(np.abs(theirs) / 16, 8)
    assert np.all(np.abs(ours - theirs) <= 2 * step)
    assert len(np.unique(ours)) == 255
    assert through_mulaw(SILENCE_FRAME) == SILENCE_FRAME
    coded = through_mulaw(SPEECH_LIKE)
    assert sound.find_sound(SPEECH_LIKE, coded).likeness > 0.99
    assert coded != SPEECH_LIKE


@given(frame=st.binary(min_size=FRAME_BYTES, max_size=FRAME_BYTES))
def test_mulaw_twice_is_mulaw_once(frame: bytes) -> None:
    assert through_mulaw(through_mulaw(frame)) == through_mulaw(frame)


@pytest.mark.parametrize("gain_db", [-20.0, -6.0, 6.0])
def test_a_gain_changes_the_level_by_what_it_says(gain_db: float) -> None:
    louder = amplified(SPEECH_LIKE, gain_db)
    assert sound.rms_dbfs(louder) - sound.rms_dbfs(SPEECH_LIKE) == pytest.approx(gain_db, abs=0.1)


def test_what_is_too_loud_is_clipped_and_does_not_turn_over() -> None:
    loud = sound.sine(400, 200, level_dbfs=-1)
    clipped = mixed(loud, loud)
    assert sound.clipped_samples(clipped) > 0
    assert sound.find_sound(loud, clipped).likeness > 0.9


# -- noise


@pytest.mark.parametrize("kind", list(NoiseKind))
@pytest.mark.parametrize("level_dbfs", [-50.0, -30.0])
def test_a_noise_has_its_level_and_is_the_same_for_the_same_seed(kind: NoiseKind, level_dbfs: float) -> None:
    whole = b"".join(noise_frame(kind, level_dbfs, 1, index) for index in range(600))
    assert sound.rms_dbfs(whole) == pytest.approx(level_dbfs, abs=0.5)
    again = b"".join(noise_frame(kind, level_dbfs, 1, index) for index in range(600))
    assert whole == again
    assert noise_frame(kind, level_dbfs, 1, 600) == noise_frame(kind, level_dbfs, 1, 0)
    if kind is not NoiseKind.HUM:
        assert whole != b"".join(noise_frame(kind, level_dbfs, 2, index) for index in range(600))


def test_a_noise_goes_on_without_a_click_where_it_begins_anew() -> None:
    for kind in (NoiseKind.STREET, NoiseKind.BABBLE, NoiseKind.HUM):
        seam = sound.samples_of(noise_frame(kind, -30, 1, 599) + noise_frame(kind, -30, 1, 600))
        steps = np.abs(np.diff(seam))
        assert steps[159] <= 1.5 * np.max(np.delete(steps, 159))


def test_speech_on_a_noisy_line_has_the_noise_under_it_and_in_its_pauses() -> None:
    quality = LineQuality(noise=Noise(kind=NoiseKind.STREET, level_dbfs=-40))
    said = SPEECH_LIKE + bytes(len(SPEECH_LIKE))
    came = spoken(CalleeLine(quality), said)
    assert sound.find_sound(SPEECH_LIKE, came).likeness > 0.95
    assert sound.rms_dbfs(came[len(SPEECH_LIKE) :]) == pytest.approx(-40, abs=3)


# -- loss


@pytest.mark.parametrize(("share", "burst"), [(0.01, 1), (0.05, 1), (0.05, 4), (0.2, 3), (0.5, 1)])
def test_the_share_and_the_bursts_of_lost_frames(share: float, burst: float) -> None:
    lost = np.mean([lost_frames(share, burst, seed) for seed in range(1, 11)], axis=1)
    assert float(np.mean(lost)) == pytest.approx(share, rel=0.15)
    flags = lost_frames(share, burst, 1)
    begins = int(np.count_nonzero(flags[1:] & ~flags[:-1]))
    assert int(np.count_nonzero(flags)) / begins == pytest.approx(burst, rel=0.25)
    assert np.array_equal(flags, lost_frames(share, burst, 1))
    if share < 0.5:  # half of the frames, none beside another, can only be every second one
        assert not np.array_equal(flags, lost_frames(share, burst, 2))


@pytest.mark.parametrize("lost_as", list(LostAs))
def test_lost_frames_are_missing_silent_or_repeated(lost_as: LostAs) -> None:
    quality = LineQuality(loss=Loss(share=0.2, burst=2, lost_as=lost_as))
    line, flags = CalleeLine(quality), lost_frames(0.2, 2, 1)
    frames = cut(SPEECH_LIKE)
    came = [line.depart(frame) for frame in frames]
    kept = [came[index] == (frame,) for index, frame in enumerate(frames)]
    assert kept == [not lost for lost in flags[: len(frames)]]
    lost = [arrived for arrived, is_kept in zip(came, kept, strict=True) if not is_kept]
    if lost_as is LostAs.NOTHING:
        assert set(lost) == {()}
    elif lost_as is LostAs.SILENCE:
        assert set(lost) == {(SILENCE_FRAME,)}
    else:
        first = kept.index(False)
        assert sound.rms_dbfs(came[first][0]) == pytest.approx(sound.rms_dbfs(frames[first - 1]) - 3, abs=0.3)
        assert sound.find_sound(frames[first - 1], came[first][0]).likeness > 0.99


# -- jitter


def test_late_frames_arrive_in_order_and_none_is_lost() -> None:
    line = CalleeLine(LineQuality(jitter=Jitter(ms=160, share=0.2), seed=3))
    frames = [bytes([index % 256, 1]) * 160 for index in range(2000)]
    came = [line.depart(frame) for frame in frames]
    arrived = [frame for several in came for frame in several]
    assert arrived == frames[: len(arrived)]
    assert len(frames) - len(arrived) <= 160 // 20
    assert max(len(several) for several in came) > 2  # in lumps
    empty = sum(not several for several in came)
    assert 0.1 < empty / len(frames) < 0.9
    late = late_frames(160, 0.2, 3)
    assert int(late.max()) == 8
    assert float(np.mean(late > 0)) == pytest.approx(0.2, abs=0.03)


# -- echo


@pytest.mark.parametrize("delay_ms", [0, 35, 180, 400])
@pytest.mark.parametrize("level_db", [-12.0, -26.0])
def test_an_echo_comes_after_its_delay_at_its_level(delay_ms: int, level_db: float) -> None:
    line = CalleeLine(LineQuality(echo=EchoPath(delay_ms=delay_ms, level_db=level_db)))
    silence = bytes(len(SPEECH_LIKE) + FRAME_BYTES * 25)
    came = spoken(line, silence, SPEECH_LIKE + bytes(FRAME_BYTES * 25))
    assert sound.delay_ms(SPEECH_LIKE, came) == pytest.approx(delay_ms, abs=0.2)
    whole = sound.rms_dbfs(SPEECH_LIKE + bytes(FRAME_BYTES * 25))
    assert sound.rms_dbfs(came) - whole == pytest.approx(level_db, abs=0.3)


def test_an_echo_is_added_to_what_the_callee_says() -> None:
    line = CalleeLine(LineQuality(echo=EchoPath(delay_ms=100, level_db=-20)))
    other = sound.pcm_of(np.random.default_rng(9).normal(0, 0.1, SECONDS * 8000))
    came = spoken(line, other, SPEECH_LIKE)
    assert sound.find_sound(other, came).likeness > 0.95


# -- the whole line


def test_a_clean_line_changes_nothing() -> None:
    line = CalleeLine(LineQuality(seed=9))
    frame = SPEECH_LIKE[:FRAME_BYTES]
    assert line.hear(frame) is frame
    assert line.speak(frame, frame) is frame
    assert line.depart(frame) == (frame,)


def test_only_with_both_ways_the_callee_hears_less_and_loses_other_frames_than_the_caller() -> None:
    loss = Loss(share=0.2, burst=1, lost_as=LostAs.SILENCE)
    one_way, both = CalleeLine(LineQuality(loss=loss)), CalleeLine(LineQuality(loss=loss, mulaw=True, both_ways=True))
    frames = cut(SPEECH_LIKE)
    assert [one_way.hear(frame) for frame in frames] == frames
    heard = [both.hear(frame) for frame in frames]
    said = [both.depart(frame)[0] for frame in frames]
    missed = [frame == SILENCE_FRAME for frame in heard]
    assert 0.1 < sum(missed) / FRAMES < 0.35
    assert missed != [frame == SILENCE_FRAME for frame in said]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_is_the_same_line(seed: int) -> None:
    quality = LineQuality(
        mulaw=True,
        gain_db=-3,
        noise=Noise(kind=NoiseKind.BABBLE, level_dbfs=-35),
        echo=EchoPath(),
        loss=Loss(share=0.1, burst=2),
        jitter=Jitter(ms=100, share=0.2),
        seed=seed,
    )

    def run() -> list[tuple[bytes, ...]]:
        line = CalleeLine(quality)
        return [line.depart(line.speak(frame, frame)) for frame in cut(SPEECH_LIKE)]

    assert run() == run()
    assert PATTERN_FRAMES > FRAMES
