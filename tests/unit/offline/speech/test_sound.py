"""The sound checks are checked themselves: a ruler that cannot be wrong measures nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import sound


def test_a_full_scale_sine_measures_as_the_book_says() -> None:
    tone = sound.sine(1000, 1000, level_dbfs=-0.01)
    assert sound.rms_dbfs(tone) == pytest.approx(-3.02, abs=0.05)
    assert sound.peak_dbfs(tone) == pytest.approx(0.0, abs=0.05)


def test_silence_and_nothing_measure_as_silent() -> None:
    assert sound.rms_dbfs(sound.silence(100)) == sound.SILENT_DBFS
    assert sound.rms_dbfs(b"") == sound.SILENT_DBFS == sound.peak_dbfs(b"")


def test_clipping_is_seen_only_when_it_is_there() -> None:
    loud = sound.samples_of(sound.sine(500, 200, level_dbfs=-0.5))
    assert sound.clipped_samples(sound.pcm_of(loud)) == 0
    assert sound.clipped_samples(sound.pcm_of(loud * 2)) > 100


def test_tones_are_found_with_start_and_duration() -> None:
    heard = sound.silence(200) + sound.sine(440, 300) + sound.silence(400) + sound.sine(440, 100)
    assert sound.find_tones(heard, 440) == [sound.Tone(200, 300), sound.Tone(900, 100)]
    assert sound.find_tones(heard, 1000) == []


def test_a_tone_survives_the_telephone_and_noise() -> None:
    heard = sound.telephone(sound.silence(200) + sound.sine(1000, 400) + sound.silence(200), noise_snr_db=15)
    assert sound.find_tones(heard, 1000) == [sound.Tone(200, 400)]


def test_gaps_are_listed_in_order() -> None:
    heard = sound.silence(120) + sound.sine(440, 200) + sound.silence(60) + sound.sine(440, 200) + sound.silence(300)
    assert sound.silence_gaps(heard) == [sound.Gap(0, 120), sound.Gap(580, 300)]


def test_a_known_sound_is_found_where_it_is_and_not_elsewhere() -> None:
    dice = np.random.default_rng(3)
    known = sound.pcm_of(dice.normal(0, 0.1, 4000))
    other = sound.pcm_of(dice.normal(0, 0.1, 16000))
    quieter = sound.pcm_of(sound.samples_of(known) * 0.3)
    found = sound.find_sound(known, other + sound.mulaw_decode(sound.mulaw_encode(quieter)) + other)
    assert found.at_ms == pytest.approx(2000, abs=1)
    assert found.likeness > 0.95
    assert sound.find_sound(known, other).likeness < 0.2


def test_looking_for_a_sound_in_silence_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="silence"):
        sound.find_sound(sound.sine(440, 100), sound.silence(500))


@pytest.mark.parametrize("shift_ms", [-250, 0, 20, 480])
def test_the_delay_between_two_signals_is_measured(shift_ms: int) -> None:
    dice = np.random.default_rng(4)
    sent = sound.pcm_of(dice.normal(0, 0.1, 8000))
    late = sound.silence(shift_ms) + sent if shift_ms >= 0 else sent[-shift_ms * 16 :]
    assert sound.delay_ms(sent, late) == pytest.approx(shift_ms, abs=0.2)


def test_words_are_counted_as_errors() -> None:
    assert sound.word_errors("yes that works", "yes that works") == 0
    assert sound.word_errors("yes that works", "yes it works for") == 2
    assert sound.word_errors("yes", "") == 1


@given(st.binary(max_size=400))
def test_every_mu_law_byte_survives_the_way_back(codes: bytes) -> None:
    """0x7F and 0xFF are the two zeros and fall together."""
    again = sound.mulaw_encode(sound.mulaw_decode(codes))
    assert again.replace(b"\x7f", b"\xff") == codes.replace(b"\x7f", b"\xff")


def test_mu_law_values_are_those_of_the_standard() -> None:
    """The ends of the scale and zero as ITU-T G.711 table 2a gives them (in 16 bits)."""
    decoded = np.frombuffer(sound.mulaw_decode(bytes([0x00, 0x80, 0xFF, 0x7F])), dtype="<i2")
    assert decoded.tolist() == [-32124, 32124, 0, 0]
