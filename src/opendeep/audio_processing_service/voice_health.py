"""Whether the voice AI can be talked to at all: while it cannot, nobody should be called.

`VoiceBreaker` learns from the sessions of live calls and says why dialling pauses. `VoiceHealth` is the worker that
then probes until a session opens again. What a session is must not live here; who dials asks `paused_because`.

A failure that any other call would meet as well and that no waiting mends (key, model, account) pauses at once, others
(timeouts, refused connections, 5xx) from the third in a row on. Failures of one conversation never count: one tenant's
call must not stop those of the others.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from opendeep.common import channels
from opendeep.common.clock import Clock
from opendeep.common.errors import ProviderFault, ProviderRefused
from opendeep.common.redis_client import Doorbell

log = structlog.get_logger(__name__)

FAILURES_IN_A_ROW: Final = 3
PROBE_FIRST_S: Final = 2.0
PROBE_MAX_S: Final = 60.0
PROBE_DEADLINE_S: Final = 10.0
MAX_LEVEL: Final = 10

Probe = Callable[[], Awaitable[None]]
"""Opens a session and closes it, without audio or a response; raises `ProviderFault`."""


class VoiceBreaker:
    """Open or closed, and why. No I/O, no time.

    `level` counts the pauses since the voice AI was last heard in a call. An account without credit opens sessions and
    refuses to speak: the probe finds nothing wrong, so that each pause must be longer than the one before.
    """

    def __init__(self) -> None:
        self.paused = asyncio.Event()
        self.level = 0
        self._reason: str | None = None
        self._in_a_row = 0

    def paused_because(self) -> str | None:
        """Why nobody should be called, as a sentence; None while the voice AI works."""
        return self._reason

    def opened(self) -> None:
        """A call has got its session."""
        self._in_a_row = 0

    def spoke(self) -> None:
        """A callee has heard the voice AI: the proof that all of it works."""
        self._in_a_row = self.level = 0

    def failed(self, fault: ProviderFault) -> None:
        """A call did not get its session, or lost it for a reason that every session has."""
        self._in_a_row += 1
        final = isinstance(fault, ProviderRefused)
        if self._reason is not None or not (final or self._in_a_row >= FAILURES_IN_A_ROW):
            return
        self._reason = str(fault)
        self.level = min(self.level + 1, MAX_LEVEL)
        log.error("voice.paused", reason=self._reason, failures=self._in_a_row, effect="no calls are placed")
        self.paused.set()

    def still_failing(self, fault: ProviderFault) -> None:
        """A probe failed; the newest reason is the one to show."""
        self._reason = str(fault)

    def resume(self) -> None:
        """A probe got its session."""
        log.info("voice.resumed", was=self._reason)
        self._reason = None
        self._in_a_row = 0
        self.paused.clear()


class VoiceHealth:
    """The worker; one per process with lines."""

    def __init__(self, breaker: VoiceBreaker, probe: Probe, bell: Doorbell, clock: Clock) -> None:
        self._breaker = breaker
        self._probe = probe
        self._bell = bell
        self._clock = clock

    async def run(self) -> None:
        """Wait for a pause, end it as soon as the voice AI works again; returns only when cancelled."""
        while True:
            await self._breaker.paused.wait()
            await self._probe_until_it_works()
            for bell in (channels.TASKS_QUEUED, channels.TASKS_DUE):
                await self._bell.ring(bell)

    async def _probe_until_it_works(self) -> None:
        tries = self._breaker.level
        while self._breaker.paused.is_set():
            pause = min(PROBE_FIRST_S * 2 ** (tries - 1), PROBE_MAX_S) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            await self._clock.sleep(pause)
            tries = min(tries + 1, MAX_LEVEL)
            try:
                async with asyncio.timeout(PROBE_DEADLINE_S):
                    await self._probe()
            except TimeoutError:
                self._breaker.still_failing(ProviderFault("The voice AI cannot be reached: no answer in time."))
            except ProviderFault as fault:
                log.info("voice.probe_failed", reason=str(fault))
                self._breaker.still_failing(fault)
            else:
                self._breaker.resume()
