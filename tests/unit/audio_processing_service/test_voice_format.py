"""Formats of the voice AI and rates of the line: the way of a call's sound, put together once."""

import numpy as np
import pytest
from openai.types.realtime import RealtimeAudioFormats
from pydantic import TypeAdapter

from opendeep.audio_processing_service.g711 import Law
from opendeep.audio_processing_service.playout import Playout
from opendeep.audio_processing_service.resampling import Resampler
from opendeep.audio_processing_service.voice_format import KINDS, VoiceFormat, line_format
from opendeep.config.app_config import AppConfig

FRAME_MS = 20


def loudness(pcm: bytes) -> float:
    return float(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)).max(initial=0))


def test_the_setting_names_every_format() -> None:
    names = AppConfig.model_fields["openai_realtime_audio"].annotation.__args__  # type: ignore[union-attr]
    assert [VoiceFormat.of(name) for name in names] == list(VoiceFormat)


@pytest.mark.parametrize("voice", VoiceFormat)
def test_a_session_says_it_as_the_sdk_knows_it(voice: VoiceFormat) -> None:
    field = voice.as_field()
    assert TypeAdapter(RealtimeAudioFormats).validate_python(field).type == field["type"]


@pytest.mark.parametrize("voice", VoiceFormat)
@pytest.mark.parametrize("rate_hz", KINDS)
def test_a_second_stays_a_second_on_every_way(voice: VoiceFormat, rate_hz: int) -> None:
    way = line_format(voice, rate_hz)
    line_frame = rate_hz * 2 // 50
    assert len(way.silence) == 3 + line_frame
    assert way.silence[:3] == way.header
    for _ in range(3):
        heard = way.hear(bytes(line_frame))
        assert len(heard) == len(voice.encode(bytes(voice.rate_hz * 2 // 50)))
        assert len(way.speak(heard)) == line_frame
        assert len(way.narrow_heard(bytes(line_frame))) == len(way.narrow_spoken(bytes(line_frame))) == 320


def test_a_wideband_line_and_a_wideband_voice_need_nothing_between() -> None:
    way = line_format(VoiceFormat.PCM24K, 24_000)
    sound = bytes(range(240)) * 4
    assert way.hear(sound) is sound
    assert way.speak(sound) is sound


@pytest.mark.parametrize(("voice", "law"), [(VoiceFormat.PCMU, Law.ULAW), (VoiceFormat.PCMA, Law.ALAW)])
def test_a_telephone_line_and_a_telephone_voice_need_a_table(voice: VoiceFormat, law: Law) -> None:
    way = line_format(voice, 8_000)
    assert way.speak(bytes(range(256))) == law.decode(bytes(range(256)))
    assert way.hear(law.decode(bytes(range(256)))) == law.encode(law.decode(bytes(range(256))))


def test_44_khz_is_no_rate_of_ours() -> None:
    with pytest.raises(KeyError):
        line_format(VoiceFormat.PCMU, 44_100)


def test_what_waits_when_the_line_turns_out_wideband_is_played_at_its_rate() -> None:
    narrow = line_format(VoiceFormat.PCMU, 8_000)
    playout = Playout(bytes(2), narrow.bytes_per_ms, convert=narrow.speak)
    playout.append("item", b"\x10" * 8 * 100)
    for _ in range(2):
        assert len(playout.next_frame() or b"") == 320
    wide = line_format(VoiceFormat.PCMU, 24_000)
    playout.change_format(wide.bytes_per_ms, wide.speak, wide.restart, Resampler(8_000, 24_000).convert)
    playout.append("item", b"\x10" * 8 * 40)
    assert playout.queued_ms == 100
    frames = [playout.next_frame() or b"" for _ in range(2)]
    assert [len(frame) for frame in frames] == [960, 960]
    [cut] = playout.flush()
    assert (cut.received_ms, cut.played_ms) == (140, 80)


def test_a_cut_word_leaves_no_trace_in_the_next_one() -> None:
    way = line_format(VoiceFormat.PCM24K, 8_000)
    playout = Playout(bytes(2), way.bytes_per_ms, convert=way.speak, restart=way.restart)
    playout.append("one", b"\x00\x40" * 480)
    playout.flush()
    playout.append("two", bytes(960))
    assert loudness(playout.next_frame() or b"") == 0
