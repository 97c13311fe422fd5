"""What happens between dialling and the answer: a callee file's attempt, or a person at an attached phone.

Owns the decision how an attempt ends before anybody speaks; events and channels live in `simulated_call`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from opendeep.simulation.attached_callee import AttachedCallee, CallDecision, IncomingCall
from opendeep.simulation.callee_schema import Attempt, Callee, Outcome
from opendeep.simulation.callee_session import AttachedSession, CalleeSession

log = structlog.get_logger(__name__)

SessionFactory = Callable[[Callee], CalleeSession]

DECISIONS = {
    CallDecision.ACCEPT: Outcome.ANSWER,
    CallDecision.REJECT: Outcome.REJECTED,
    CallDecision.BUSY: Outcome.BUSY,
}


class Pickup(Protocol):
    """One attempt to reach a callee. `rings`: ringing is heard before the outcome."""

    callee_name: str
    rings: bool

    def begin(self) -> None:
        """The callee's phone starts to ring."""
        ...

    def poll(self, elapsed_ms: int) -> Outcome | None:
        """Return the outcome when it is known; `elapsed_ms` counts from `begin`."""
        ...

    def session(self) -> CalleeSession:
        """Return the callee; only after the outcome `answer`."""
        ...

    def cancel(self) -> None:
        """The attempt ended without an answer; called at most once."""
        ...


class ScriptedPickup:
    """A callee file's attempt. Its lines are synthesised while it rings. `time_scale` stretches the ringing."""

    def __init__(self, callee: Callee, attempt: Attempt, make_session: SessionFactory, time_scale: float) -> None:
        self.callee_name = callee.name
        self.rings = attempt.ring_s > 0 or attempt.outcome is Outcome.NO_ANSWER
        self._callee = callee
        self._outcome = attempt.outcome
        self._ring_ms = int(attempt.ring_s * 1000 * time_scale)
        self._make_session = make_session
        self._session: CalleeSession | None = None

    def begin(self) -> None:
        if self._outcome is Outcome.ANSWER:
            self._session = self._make_session(self._callee)

    def poll(self, elapsed_ms: int) -> Outcome | None:
        if self._outcome is Outcome.NO_ANSWER or elapsed_ms < self._ring_ms:
            return None
        return self._outcome

    def session(self) -> CalleeSession:
        if self._session is None:
            raise RuntimeError("a callee that does not answer has no session")
        return self._session

    def cancel(self) -> None:
        if self._session is not None:
            self._session.end()


class AttachedPickup:
    """A person at an attached phone, who decides when they like. A phone that fails counts as a refusal."""

    rings = True

    def __init__(self, phone: AttachedCallee, incoming: IncomingCall) -> None:
        self.callee_name = f"attached:{incoming.number}"
        self._phone = phone
        self._incoming = incoming
        self._task: asyncio.Task[Outcome] | None = None

    def begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(
            self._ring(), name=f"attached-phone-rings-{self._incoming.call_id}"
        )

    def poll(self, elapsed_ms: int) -> Outcome | None:
        return self._task.result() if self._task is not None and self._task.done() else None

    def session(self) -> CalleeSession:
        return AttachedSession(self._phone, self._incoming.call_id)

    def cancel(self) -> None:
        if self._task is None:
            return
        accepted = self._task.done() and not self._task.cancelled() and self._task.result() is Outcome.ANSWER
        self._task.cancel()
        if accepted:
            self._phone.ended(self._incoming.call_id)

    async def _ring(self) -> Outcome:
        try:
            return DECISIONS[await self._phone.incoming(self._incoming)]
        except Exception:  # boundary: a phone that fails refuses this call and harms no other
            log.exception("attached_phone_failed", call_id=self._incoming.call_id)
            return Outcome.REJECTED
