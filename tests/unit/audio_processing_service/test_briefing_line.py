"""What a person hears on the second line, the one decision they make, and who gets in."""

from typing import Any

import pytest

from opendeep.audio_processing_service.briefing_line import (
    FRAME_BYTES,
    GAP_FRAMES,
    LEAD_FRAMES,
    ROUNDS,
    BriefingLine,
    Decision,
    SecondLines,
)
from opendeep.audio_processing_service.ticker import Ticker
from opendeep.audio_processing_service.voice_format import VoiceFormat
from opendeep.common.ids import new_id
from tests.support.audio import mulaw_decode, mulaw_encode, tone

SOUND = mulaw_encode(tone(1_000.0, 110))  # five frames and a half
FRAMES = 6
ROUND = LEAD_FRAMES + FRAMES + GAP_FRAMES


class Connection:
    """What a line needs of its connection."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.hung_up = 0
        self.listener: Any = None

    def adopt(self, listener: Any) -> None:
        self.listener = listener

    def send(self, data: bytes) -> bool:
        size = 3 + FRAME_BYTES
        self.frames += [data[at + 3 : at + size] for at in range(0, len(data), size)]
        return True

    def hang_up(self) -> None:
        self.hung_up += 1


def a_line(voice: VoiceFormat = VoiceFormat.PCMU, sound: bytes = SOUND) -> tuple[BriefingLine, Connection]:
    line, connection = BriefingLine(Ticker(), sound, voice), Connection()
    assert line.attach(connection)  # type: ignore[arg-type]
    return line, connection


async def test_the_briefing_comes_again_and_then_it_is_enough() -> None:
    line, connection = a_line()
    for _ in range(ROUND // 3):
        line.tick(3)
    line.tick(ROUND % 3)
    briefing = b"".join(connection.frames[LEAD_FRAMES : LEAD_FRAMES + FRAMES])
    assert briefing == mulaw_decode(SOUND).ljust(FRAMES * FRAME_BYTES, b"\0")
    assert not any(b"".join(connection.frames[:LEAD_FRAMES] + connection.frames[LEAD_FRAMES + FRAMES :]))
    line.tick(ROUND * (ROUNDS - 1))
    assert connection.frames[ROUND:] == connection.frames[:ROUND]
    assert not line.decision.done()
    line.tick(1)
    assert line.decision.result() is Decision.SILENT


@pytest.mark.parametrize(
    ("keys", "decision"), [("1", Decision.ACCEPTED), ("92", Decision.DECLINED), ("21", Decision.DECLINED)]
)
async def test_the_first_key_that_means_something_decides(keys: str, decision: Decision) -> None:
    line, connection = a_line()
    line.tick(LEAD_FRAMES)
    for key in keys:
        line.digit(key)
    assert line.decision.result() is decision
    line.tick(FRAMES)
    assert not any(b"".join(connection.frames))  # and the briefing is over


async def test_who_hangs_up_has_decided_too() -> None:
    line, _ = a_line()
    line.line_closed("ended by the switch")
    assert line.decision.result() is Decision.HUNG_UP


async def test_there_is_one_person_and_only_until_it_is_decided() -> None:
    line, _ = a_line()
    assert not line.attach(Connection())  # type: ignore[arg-type]
    late = BriefingLine(Ticker(), SOUND, VoiceFormat.PCMU)
    late.decide(Decision.CALLED_OFF)
    assert not late.attach(Connection())  # type: ignore[arg-type]


async def test_a_voice_of_24_khz_is_heard_at_8() -> None:
    line, connection = a_line(VoiceFormat.PCM24K, bytes(24 * 2 * 200))
    line.tick(LEAD_FRAMES + 10)
    assert {len(frame) for frame in connection.frames} == {FRAME_BYTES}


async def test_nobody_gets_in_by_an_id_that_is_not_expected_any_more() -> None:
    lines = SecondLines()
    line, connection = a_line()
    with lines.expected(line) as sound_id:
        assert lines.get(sound_id) is line
        assert lines.get(new_id()) is None
    assert lines.get(sound_id) is None
    assert connection.hung_up == 1
    assert line.decision.result() is Decision.CALLED_OFF
