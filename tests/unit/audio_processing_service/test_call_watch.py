"""Silence, the longest duration and the farewell: when the watch speaks up."""

from dataclasses import replace

from opendeep.audio_processing_service.call_watch import CallWatch, LineFacts, WatchAct, WatchLimits

QUIET = LineFacts(
    now_ms=0,
    session_live=True,
    playing=False,
    callee_speaking=False,
    answering=False,
    tools_running=False,
    waiting=False,
    on_hold=False,
    last_words_out=True,
)
LIMITS = WatchLimits(farewell_ms=60_000, quiet_ms=3_000, goodbye_before_ms=20_000)


def acts(watch: CallWatch, facts: LineFacts, start_ms: int, end_ms: int) -> list[tuple[int, WatchAct]]:
    """What the watch wants while nothing changes."""
    found = []
    for now_ms in range(start_ms, end_ms, 100):
        act = watch.check(replace(facts, now_ms=now_ms))
        if act is not None:
            found.append((now_ms, act))
    return found


def test_nobody_is_spoken_to_on_hold() -> None:
    watch = CallWatch(LIMITS)
    assert acts(watch, replace(QUIET, on_hold=True), 0, 600_000) == []
    assert acts(watch, QUIET, 600_000, 610_000)[0][1] is WatchAct.PROMPT


def test_a_silent_callee_is_spoken_to_three_times() -> None:
    watch = CallWatch(LIMITS)
    assert acts(watch, QUIET, 0, 40_000)[:4] == [
        (1_500, WatchAct.PROMPT),
        (8_500, WatchAct.PROMPT),
        (15_500, WatchAct.PROMPT),
        (22_500, WatchAct.END_SILENCE),
    ]


def test_a_callee_who_spoke_gets_more_time() -> None:
    watch = CallWatch(LIMITS)
    watch.callee_spoke(1_000)
    assert acts(watch, QUIET, 1_000, 8_100) == [(8_000, WatchAct.PROMPT)]
    watch.callee_spoke(8_100)
    assert acts(watch, QUIET, 8_100, 15_200) == [(15_100, WatchAct.PROMPT)]


def test_nothing_is_due_while_somebody_speaks_or_thinks() -> None:
    for busy in (
        replace(QUIET, playing=True),
        replace(QUIET, callee_speaking=True),
        replace(QUIET, answering=True),
        replace(QUIET, tools_running=True),
        replace(QUIET, session_live=False),
    ):
        assert acts(CallWatch(LIMITS), busy, 0, 30_000) == []


def test_while_the_user_is_asked_the_ai_talks_on_and_never_gives_up() -> None:
    watch = CallWatch(LIMITS)
    watch.callee_spoke(0)
    found = acts(watch, replace(QUIET, tools_running=True, waiting=True), 0, 50_000)
    assert [act for _, act in found] == [WatchAct.PROMPT] * 7


def test_the_time_is_up() -> None:
    watch = CallWatch(LIMITS)
    watch.limit_ms = 60_000
    busy = replace(QUIET, playing=True)
    assert acts(watch, busy, 0, 60_100) == [(40_000, WatchAct.SAY_GOODBYE), (60_000, WatchAct.END_TIME)]


def test_the_farewell_is_played_then_a_moment_of_silence() -> None:
    watch = CallWatch(LIMITS)
    watch.end(1_000)
    assert acts(watch, replace(QUIET, playing=True), 1_000, 5_100) == []
    assert acts(watch, QUIET, 5_100, 5_300) == [(5_200, WatchAct.HANG_UP)]


def test_a_farewell_that_never_comes_has_an_end() -> None:
    watch = CallWatch(LIMITS)
    watch.end(0)
    assert acts(watch, replace(QUIET, last_words_out=False), 0, 3_100) == [(3_000, WatchAct.HANG_UP)]
    watch = CallWatch(LIMITS)
    watch.end(0)
    endless = replace(QUIET, playing=True, last_words_out=False)
    assert acts(watch, endless, 0, 60_100) == [(60_000, WatchAct.HANG_UP)]
