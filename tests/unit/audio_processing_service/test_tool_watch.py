"""When the time of a tool is filled with a sentence, and when our words are out."""

import asyncio

import pytest

from opendeep.audio_processing_service.tool_watch import BRIDGE_AFTER_MS, WORDS_OUT_MS, ToolWatch

STEP_MS = 100


def bridges(watch: ToolWatch, first_ms: int, last_ms: int, *, we: bool = False, they: bool = False) -> list[int]:
    """The moments at which a sentence is due."""
    moments = range(first_ms, last_ms + 1, STEP_MS)
    return [ms for ms in moments if watch.check(ms, we_speak=we, they_speak=they)]


def test_a_quick_tool_needs_no_sentence() -> None:
    watch = ToolWatch()
    bridges(watch, 0, 5_000)
    watch.begin("c1", 5_000, bridged=True)
    assert bridges(watch, 5_100, 5_900) == []
    watch.end("c1")
    assert bridges(watch, 6_000, 20_000) == []


def test_a_slow_one_gets_one_sentence() -> None:
    watch = ToolWatch()
    bridges(watch, 0, 5_000)
    watch.begin("c1", 5_000, bridged=True)
    assert bridges(watch, 5_100, 20_000) == [5_000 + BRIDGE_AFTER_MS]
    watch.end("c1")
    watch.begin("c2", 21_000, bridged=True)
    assert bridges(watch, 21_000, 30_000) == [22_000]


@pytest.mark.parametrize("who", ["we", "they"])
def test_a_second_of_quiet_counts_from_the_last_word_of_either_side(who: str) -> None:
    watch = ToolWatch()
    watch.begin("c1", 0, bridged=True)
    assert bridges(watch, 0, 3_000, we=who == "we", they=who == "they") == []
    assert bridges(watch, 3_100, 10_000) == [4_100]


def test_one_sentence_serves_all_that_run_and_some_want_none() -> None:
    watch = ToolWatch()
    watch.begin("keys", 0, bridged=False)
    assert bridges(watch, 0, 5_000) == []
    watch.begin("c1", 5_000, bridged=True)
    watch.begin("c2", 5_500, bridged=True)
    assert bridges(watch, 5_500, 20_000) == [6_000]
    assert watch.running == 3


async def test_our_words_are_out_after_a_moment_of_quiet_on_our_side() -> None:
    watch = ToolWatch()
    bridges(watch, 0, 5_000)
    waiting = asyncio.create_task(watch.words_out(), name="words-out")
    await asyncio.sleep(0)
    bridges(watch, 5_100, 6_000, we=True)
    bridges(watch, 6_100, 6_000 + WORDS_OUT_MS, they=True)
    await asyncio.sleep(0)
    assert not waiting.done()
    bridges(watch, 6_100 + WORDS_OUT_MS, 6_100 + WORDS_OUT_MS, they=True)
    await asyncio.wait_for(waiting, 60)
