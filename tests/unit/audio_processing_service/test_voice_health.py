"""Dialling pauses while nobody could talk, and goes on as soon as somebody can."""

import asyncio

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from opendeep.audio_processing_service.voice_health import (
    FAILURES_IN_A_ROW,
    MAX_LEVEL,
    PROBE_FIRST_S,
    PROBE_MAX_S,
    VoiceBreaker,
    VoiceHealth,
)
from opendeep.common import channels
from opendeep.common.clock import SystemClock
from opendeep.common.errors import ProviderFault, ProviderRefused
from opendeep.common.redis_client import InProcessDoorbell

DEADLINE_S = 60.0
AWAY = ProviderFault("The voice AI cannot be reached: HTTP 503.")
REFUSED = ProviderRefused("The voice AI refuses the key (HTTP 401); check OPENAI_API_KEY.")


def test_a_final_refusal_pauses_at_once() -> None:
    breaker = VoiceBreaker()
    breaker.failed(REFUSED)
    assert breaker.paused_because() == str(REFUSED)


def test_other_failures_pause_from_the_third_in_a_row() -> None:
    breaker = VoiceBreaker()
    for _ in range(5):
        for _ in range(FAILURES_IN_A_ROW - 1):
            breaker.failed(AWAY)
        breaker.opened()
    assert breaker.paused_because() is None
    for _ in range(FAILURES_IN_A_ROW):
        breaker.failed(AWAY)
    assert breaker.paused_because() == str(AWAY)


class Machine(RuleBasedStateMachine):
    """Calls and probes in any order against a model of three variables."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = VoiceBreaker()
        self.in_a_row = 0
        self.paused = False
        self.pauses_unproven = 0

    @rule(fault=st.sampled_from([AWAY, REFUSED]))
    def call_fails(self, fault: ProviderFault) -> None:
        self.breaker.failed(fault)
        self.in_a_row += 1
        if not self.paused and (fault is REFUSED or self.in_a_row >= FAILURES_IN_A_ROW):
            self.paused = True
            self.pauses_unproven = min(self.pauses_unproven + 1, MAX_LEVEL)

    @rule()
    def call_opens(self) -> None:
        self.breaker.opened()
        self.in_a_row = 0

    @rule()
    def call_speaks(self) -> None:
        self.breaker.spoke()
        self.in_a_row = self.pauses_unproven = 0

    @rule(works=st.booleans())
    def probe(self, works: bool) -> None:
        if not self.paused:
            return
        if works:
            self.breaker.resume()
            self.paused, self.in_a_row = False, 0
        else:
            self.breaker.still_failing(AWAY)

    @invariant()
    def agree(self) -> None:
        assert (self.breaker.paused_because() is not None) == self.paused == self.breaker.paused.is_set()
        assert self.breaker.level == self.pauses_unproven


TestBreaker = Machine.TestCase


class SkippingClock(SystemClock):
    """Sleeps are skipped and counted."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class Provider:
    """What the probe meets: `answers` in turn, then it works."""

    def __init__(self, *answers: ProviderFault) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def probe(self) -> None:
        self.asked += 1
        if self.answers:
            raise self.answers.pop(0)


async def until_resumed(breaker: VoiceBreaker, provider: Provider, *faults: ProviderFault) -> SkippingClock:
    """Run the worker through one pause; returns its clock. Both bells must ring after the pause, not before."""
    clock, bell = SkippingClock(), InProcessDoorbell()
    worker = asyncio.create_task(VoiceHealth(breaker, provider.probe, bell, clock).run(), name="health")
    try:
        async with bell.listen(channels.TASKS_QUEUED) as queued, bell.listen(channels.TASKS_DUE) as due:
            for fault in faults:
                breaker.failed(fault)
            assert breaker.paused_because() is not None
            assert await queued.next(timeout=DEADLINE_S) is not None
            assert breaker.paused_because() is None
            assert await due.next(timeout=DEADLINE_S) is not None
    finally:
        worker.cancel()
        await asyncio.wait({worker})
    return clock


async def test_probes_until_it_works_ever_less_often_then_rings() -> None:
    provider = Provider(*[AWAY] * 9)
    clock = await until_resumed(VoiceBreaker(), provider, REFUSED)
    assert provider.asked == 10
    for number, slept in enumerate(clock.slept):
        full = min(PROBE_FIRST_S * 2**number, PROBE_MAX_S)
        assert full / 2 <= slept <= full


async def test_a_probe_that_fails_otherwise_shows_the_newest_reason() -> None:
    breaker = VoiceBreaker()
    seen: list[str | None] = []

    class Watching(Provider):
        async def probe(self) -> None:
            seen.append(breaker.paused_because())
            await super().probe()

    await until_resumed(breaker, Watching(AWAY), REFUSED)
    assert seen == [str(REFUSED), str(AWAY)]


async def test_a_voice_ai_that_opens_sessions_and_never_speaks_is_tried_ever_less_often() -> None:
    """An account without credit: the probe finds nothing wrong, each call does."""
    breaker, first_pauses = VoiceBreaker(), []
    for _ in range(8):
        clock = await until_resumed(breaker, Provider(), REFUSED)
        breaker.opened()
        first_pauses.append(clock.slept[0])
    for number, slept in enumerate(first_pauses):
        assert slept >= min(PROBE_FIRST_S * 2**number, PROBE_MAX_S) / 2
    breaker.spoke()
    clock = await until_resumed(breaker, Provider(), REFUSED)
    assert clock.slept[0] <= PROBE_FIRST_S


async def test_a_probe_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opendeep.audio_processing_service.voice_health.PROBE_DEADLINE_S", 0.01)
    breaker = VoiceBreaker()

    class Hanging(Provider):
        async def probe(self) -> None:
            self.asked += 1
            if self.asked == 1:
                await asyncio.Event().wait()
            assert "no answer in time" in (breaker.paused_because() or "")

    await until_resumed(breaker, Hanging(), REFUSED)
