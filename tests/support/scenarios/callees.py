"""A scenario's callee in each world: a SIP phone that follows it, and a callee file of the simulated switch.

Owns the translation of ``schema.Callee``; nothing of what is said is decided here.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from opendeep import simulation
from tests.support.audio import silence, tone
from tests.support.scenarios.schema import Act, Callee
from tests.support.sip_callee import RecordingCallee

PROVISIONAL = {"ringing": 180, "early_media": 183, "queued": 182, "nothing": 100}
STATUS = {
    "busy": 486, "declined": 603, "forbidden": 403, "not_found": 404, "unavailable": 480, "unreachable": 503,
}  # fmt: skip
OUTCOMES = {
    "answer": "answer", "busy": "busy", "declined": "rejected", "forbidden": "forbidden", "not_found": "unallocated",
    "unavailable": "unreachable", "unreachable": "congestion",
}  # fmt: skip
PATIENT = {"ask": None, "ask_after_s": 599, "hang_up_after_s": 600}


class ScriptedPhone:
    """A ``RecordingCallee`` that does what the scenario says, from the INVITE on."""

    def __init__(self, callee: Callee) -> None:
        self._callee = callee
        answers = callee.then == "answer" and callee.for_ms is not None
        self.phone = RecordingCallee(
            answer_after_s=(callee.for_ms or 0) / 1_000 if answers else None,
            provisional=PROVISIONAL[callee.before],
            sends_sound=callee.sends_sound,
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.phone.__aenter__()
        self._tasks = [
            asyncio.create_task(self._live(), name="scripted-phone"),
            asyncio.create_task(self._answer_keys(), name="scripted-phone-keys"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.phone.__aexit__(kind, error, trace)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _live(self) -> None:
        await self.phone.invited.wait()
        if self._callee.then != "answer" and self._callee.for_ms is not None:
            await asyncio.sleep(self._callee.for_ms / 1_000)
            self.phone.reject(STATUS[self._callee.then])
            return
        await self.phone.answered.wait()
        await self._do(self._callee.talk)

    async def _answer_keys(self) -> None:
        for seen in range(100):
            await self.phone.wait_for_digits(seen + 1, timeout_s=60)
            await self._do(self._callee.on_key.get(self.phone.digits[seen], []))

    async def _wait(self, ms: int) -> None:
        """A pause between sounds is silence; a phone that sends no sound just waits."""
        if self._callee.sends_sound:
            self.phone.play(silence(ms))
        else:
            await asyncio.sleep(ms / 1_000)

    async def _do(self, acts: list[Act]) -> None:
        for act in acts:
            if act.tone is not None:
                self.phone.play(tone(act.tone.hz, act.tone.ms))
            elif act.press is not None:
                self.phone.press(act.press)
            elif act.wait_ms is not None:
                await self._wait(act.wait_ms)
            elif act.echo is not None:
                await self.phone.rtp.played.wait()
                self.phone.rtp.echoes = act.echo
            else:
                await self.phone.rtp.played.wait()
                await self.phone.hang_up()


def simulated(name: str, number: str, callee: Callee) -> simulation.Callee:
    """The same callee as a file of the simulated switch."""
    outcome = "no_answer" if callee.for_ms is None else OUTCOMES[callee.then]
    attempt: dict[str, Any] = {
        "outcome": outcome,
        "ring_s": (callee.for_ms or 0) / 1_000,
        "early_media": callee.before == "early_media",
        "rings": callee.before in ("ringing", "early_media"),
        "sends_sound": callee.sends_sound,
    }
    rules = [{"digits": key, "do": _acts(acts)} for key, acts in callee.on_key.items()]
    talk = {"enter": _acts(callee.talk), "rules": rules, "patience": PATIENT}
    return simulation.Callee.model_validate(
        {
            "name": name.replace("-", "_"),
            "title": "As in the scenario",
            "numbers": [number],
            "attempts": [attempt],
            "script": {"phone": {"talk": talk}},
        }
    )


def _acts(acts: list[Act]) -> list[dict[str, Any]]:
    return [act.model_dump(exclude_none=True) for act in acts]
