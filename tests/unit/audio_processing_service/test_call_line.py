"""The line of a call: frames that are made up for after a late tick have their own time."""

from collections import Counter

from opendeep.audio_processing_service.call_line import CallLine, LinePorts
from opendeep.audio_processing_service.ticker import Ticker
from opendeep.audio_processing_service.voice_format import VoiceFormat


def test_what_is_played_is_dated_by_its_frame_also_after_a_late_tick() -> None:
    told: list[tuple[str, bool, int]] = []
    ports = LinePorts(
        played=lambda event: told.append((event.item_id, event.started, line.now_ms)),
        check=lambda: None,
        digit=lambda _: None,
        closed=lambda _: None,
    )
    line = CallLine(Ticker(), Counter(), ports, VoiceFormat.PCMU)
    line.playout.append("item", b"\x10" * 8 * 60)
    line.playout.complete("item")
    line.tick(5)
    assert told == [("item", True, 20), ("item", False, 60)]
    assert line.now_ms == 100
