"""The sound of many calls measured together says of each what it says alone, and nobody's fault is another's."""

import asyncio
from collections import defaultdict
from functools import partial

from opendeep.audio_processing_service.line_sound import BLOCK_BYTES, BLOCK_MS, SoundBlock, measure, measure_all
from opendeep.audio_processing_service.shared_meter import SharedMeter
from tests.support import sound

LINES = {
    "silence": bytes(BLOCK_BYTES),
    "a beep": sound.sine(1_000, BLOCK_MS, level_dbfs=-12),
    "noise": sound.telephone(sound.silence(BLOCK_MS), noise_snr_db=10),
    "a low tone": sound.sine(255, BLOCK_MS, level_dbfs=-20),
    "a high tone": sound.sine(3_480, BLOCK_MS, level_dbfs=-20),
    "a voice and a hum": sound.telephone(sound.sine(440, BLOCK_MS, level_dbfs=-20), noise_snr_db=5),
}


def test_a_block_is_measured_the_same_beside_others_and_alone() -> None:
    together = measure_all([(pcm, number) for number, pcm in enumerate(LINES.values())])
    for number, (pcm, found) in enumerate(zip(LINES.values(), together, strict=True)):
        alone = measure(pcm, number)
        assert (found.start_ms, found.first is None, found.second is None) == (
            number, alone.first is None, alone.second is None,
        )  # fmt: skip
        for lobe, lonely in zip((found.first, found.second), (alone.first, alone.second), strict=True):
            if lobe is not None and lonely is not None:
                assert all(
                    abs(one - other) < 0.01 * max(1.0, abs(other)) for one, other in zip(lobe, lonely, strict=True)
                )


async def test_each_call_is_told_its_own_blocks_in_order() -> None:
    meter, heard = SharedMeter(), defaultdict(list)
    all_told = asyncio.Event()

    def tell(name: str, block: SoundBlock) -> None:
        heard[name].append(block)
        if sum(map(len, heard.values())) == 3 * len(LINES):
            all_told.set()

    for at in range(3):
        for name, pcm in LINES.items():
            meter.measure(pcm, at * BLOCK_MS, partial(tell, name))
    await asyncio.wait_for(all_told.wait(), 10)
    for name, pcm in LINES.items():
        assert [block.start_ms for block in heard[name]] == [0, BLOCK_MS, 2 * BLOCK_MS]
        assert abs(heard[name][0].level_dbfs - measure(pcm, 0).level_dbfs) < 0.01


async def test_a_call_that_ends_is_told_at_once() -> None:
    meter, told = SharedMeter(), list[SoundBlock]()
    meter.measure(LINES["a beep"], 0, told.append)
    meter.flush()
    assert len(told) == 1
    meter.flush()
    assert len(told) == 1


async def test_ears_that_fail_harm_no_other_call() -> None:
    meter, told = SharedMeter(), asyncio.Event()

    def fail(block: SoundBlock) -> None:
        raise ValueError("this call's ears are broken")

    meter.measure(LINES["noise"], 0, fail)
    meter.measure(LINES["noise"], 0, lambda block: told.set())
    await asyncio.wait_for(told.wait(), 10)
    assert meter.failures == 1
