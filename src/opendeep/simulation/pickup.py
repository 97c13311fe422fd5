"""What happens between dialling and the answer: a callee file's attempt, or a person at an attached phone.

Owns the decision how an attempt ends before anybody speaks; events and channels live in `simulated_call`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from opendeep.simulation.attached_callee import AttachedCallee, CallDecision, IncomingCall
from opendeep.simulation.callee_schema import Attempt, Callee, Outcome
from opendeep.simulation.callee_session import AttachedSession, CalleeSession
from opendeep.simulation.legs import Failure

log = structlog.get_logger(__name__)

SessionFactory = Callable[[Callee, Attempt], CalleeSession]


@dataclass(frozen=True, slots=True)
class Answered:
    """Somebody picked up."""


FAILURES: dict[Outcome, Failure] = {
    Outcome.BUSY: Failure("BUSY", 17, 486),
    Outcome.UNALLOCATED: Failure("NOANSWER", 1, 404),
    Outcome.REJECTED: Failure("NOANSWER", 21, 603),
    Outcome.FORBIDDEN: Failure("NOANSWER", 21, 403),
    Outcome.CONGESTION: Failure("CONGESTION", 34, 503),
    Outcome.UNREACHABLE: Failure("NOANSWER", 19, 480),
}
# What the shipped dialplan says without asking the network: no such endpoint or trunk; a number it does not dial.
NO_ENDPOINT = Failure("CHANUNAVAIL", 3, None)
NUMBER_REFUSED = Failure("NOANSWER", 28, None)

DECISIONS: dict[CallDecision, Answered | Failure] = {
    CallDecision.ACCEPT: Answered(),
    CallDecision.REJECT: FAILURES[Outcome.REJECTED],
    CallDecision.BUSY: FAILURES[Outcome.BUSY],
}


class Pickup(Protocol):
    """One attempt to reach a callee. `rings`: it takes a while; `early_media`: with SIP 183 instead of 180.

    `sends_sound`: the answered phone sends frames, be they silence.
    """

    @property
    def callee_name(self) -> str: ...
    @property
    def rings(self) -> bool: ...
    @property
    def early_media(self) -> bool: ...
    @property
    def sends_sound(self) -> bool: ...

    def begin(self) -> None:
        """The callee's phone starts to ring."""
        ...

    def poll(self, elapsed_ms: int) -> Answered | Failure | None:
        """Return how it ended, None while it has not; `elapsed_ms` counts from `begin`."""
        ...

    def session(self) -> CalleeSession:
        """Return the callee; only after `Answered`."""
        ...

    def cancel(self) -> None:
        """The attempt ended without an answer; called at most once."""
        ...


class ScriptedPickup:
    """A callee file's attempt. Its lines are synthesised while it rings. `time_scale` stretches the ringing."""

    def __init__(self, callee: Callee, attempt: Attempt, make_session: SessionFactory, time_scale: float) -> None:
        self.callee_name = callee.name
        self.rings = attempt.rings and (attempt.ring_s > 0 or attempt.outcome is Outcome.NO_ANSWER)
        self.early_media = attempt.early_media
        self.sends_sound = attempt.sends_sound
        self._callee = callee
        self._attempt = attempt
        self._outcome = attempt.outcome
        self._ring_ms = int(attempt.ring_s * 1000 * time_scale)
        self._make_session = make_session
        self._session: CalleeSession | None = None

    def begin(self) -> None:
        if self._outcome is Outcome.ANSWER:
            self._session = self._make_session(self._callee, self._attempt)

    def poll(self, elapsed_ms: int) -> Answered | Failure | None:
        if self._outcome is Outcome.NO_ANSWER or elapsed_ms < self._ring_ms:
            return None
        return Answered() if self._outcome is Outcome.ANSWER else FAILURES[self._outcome]

    def session(self) -> CalleeSession:
        if self._session is None:
            raise RuntimeError("a callee that does not answer has no session")
        return self._session

    def cancel(self) -> None:
        if self._session is not None:
            self._session.end()


class RefusedPickup:
    """The dialplan fails on its own: nobody is dialled."""

    callee_name = ""
    rings = False
    early_media = False
    sends_sound = False

    def __init__(self, failure: Failure) -> None:
        self._failure = failure

    def begin(self) -> None:
        """Nothing rings."""

    def poll(self, elapsed_ms: int) -> Answered | Failure | None:
        return self._failure

    def session(self) -> CalleeSession:
        raise RuntimeError("a refused call has no session")

    def cancel(self) -> None:
        """Nothing to undo."""


class AttachedPickup:
    """A person at an attached phone, who decides when they like; `instead` answers where no phone can be reached.

    A phone that fails counts as a refusal.
    """

    def __init__(self, phone: AttachedCallee, incoming: IncomingCall, instead: Callable[[], Pickup]) -> None:
        self._phone = phone
        self._incoming = incoming
        self._make_instead = instead
        self._instead: Pickup | None = None
        self._instead_since_ms = 0
        self._reached = False
        self._task: asyncio.Task[Answered | Failure | None] | None = None

    @property
    def callee_name(self) -> str:
        return self._instead.callee_name if self._instead is not None else f"attached:{self._incoming.number}"

    @property
    def rings(self) -> bool:
        return self._instead.rings if self._instead is not None else self._reached

    @property
    def early_media(self) -> bool:
        return self._instead is not None and self._instead.early_media

    @property
    def sends_sound(self) -> bool:
        return self._instead is None or self._instead.sends_sound

    def begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(
            self._ring(), name=f"attached-phone-rings-{self._incoming.call_id}"
        )

    def poll(self, elapsed_ms: int) -> Answered | Failure | None:
        if self._instead is not None:
            return self._instead.poll(elapsed_ms - self._instead_since_ms)
        if self._task is None or not self._task.done():
            return None
        verdict = self._task.result()
        if verdict is None:
            self._instead, self._instead_since_ms = self._make_instead(), elapsed_ms
            self._instead.begin()
        return verdict

    def session(self) -> CalleeSession:
        if self._instead is not None:
            return self._instead.session()
        return AttachedSession(self._phone, self._incoming.call_id)

    def cancel(self) -> None:
        if self._instead is not None:
            self._instead.cancel()
        elif self._task is not None:
            accepted = self._task.done() and not self._task.cancelled() and isinstance(self._task.result(), Answered)
            self._task.cancel()
            if accepted:
                self._phone.ended(self._incoming.call_id)

    async def _ring(self) -> Answered | Failure | None:
        """None: there is no phone to ring."""
        try:
            self._reached = await self._phone.reachable(self._incoming)
            return DECISIONS[await self._phone.incoming(self._incoming)] if self._reached else None
        except Exception:  # boundary: a phone that fails refuses this call and harms no other
            log.exception("attached_phone_failed", call_id=self._incoming.call_id)
            return FAILURES[Outcome.REJECTED]
