"""Measuring of 100 ms blocks, by sounds of known level and frequency."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.audio_processing_service.line_sound import BLOCK_BYTES, BLOCK_MS, SoundMeter, measure
from tests.support import sound
from tests.support.line_signals import tones


@pytest.mark.parametrize("hz", [400, 425, 1000, 1100, 2100, 3000])
def test_a_tone_is_one_lobe_at_its_frequency_and_level(hz: int) -> None:
    block = measure(sound.telephone(sound.sine(hz, BLOCK_MS, level_dbfs=-12), noise_snr_db=20), 0)
    assert block.first is not None
    assert block.first.hz == pytest.approx(hz, abs=6)
    assert block.first.share > 0.9
    assert block.level_dbfs == pytest.approx(-15, abs=0.7)
    assert block.second is None


def test_two_tones_are_two_lobes_and_two_close_ones_a_wide_one() -> None:
    apart = measure(tones(480, 620, ms=BLOCK_MS), 0)
    assert apart.first is not None
    assert apart.second is not None
    assert sorted((round(apart.first.hz), round(apart.second.hz))) == [480, 620]
    beating, alone = measure(tones(440, 480, ms=BLOCK_MS), 0), measure(tones(460, ms=BLOCK_MS), 0)
    assert beating.first is not None
    assert alone.first is not None
    assert beating.first.spread_hz > 2 * alone.first.spread_hz


def test_a_quiet_block_is_not_looked_into() -> None:
    assert measure(bytes(BLOCK_BYTES), 0).first is None
    assert measure(sound.sine(1000, BLOCK_MS, level_dbfs=-60), 0).first is None


def test_every_20_ms_have_their_level() -> None:
    block = measure(sound.silence(40) + sound.sine(1000, 60, level_dbfs=-12), 300)
    assert [round(level) for level in block.frames_dbfs] == [-96, -96, -15, -15, -15]
    assert (block.start_ms, block.end_ms) == (300, 400)


def test_a_block_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1600"):
        measure(bytes(320), 0)


@given(cuts=st.lists(st.integers(0, 400).map(lambda samples: samples * 2), max_size=40))
def test_however_the_audio_is_cut_the_blocks_are_the_same(cuts: list[int]) -> None:
    pcm = sound.sine(700, 550)
    whole, pieces, at = SoundMeter().receive(pcm), [], 0
    meter = SoundMeter()
    for cut in [*cuts, len(pcm)]:
        pieces += meter.receive(pcm[at : at + cut])
        at += cut
    assert pieces == whole
    assert [block.start_ms for block in whole] == [0, 100, 200, 300, 400]
