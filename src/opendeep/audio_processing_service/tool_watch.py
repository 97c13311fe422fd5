"""What the running tools need of the line, and the line of them: nothing goes quiet. Pure but for waking who waits.

A tool that takes long gets one bridging sentence, as soon as nobody has spoken for a second; which tools want none is
`call_tools`' matter, the words are the prompts'. Fed every 100 ms; times are ms of the call.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

BRIDGE_AFTER_MS: Final = 1_000  # of a tool running and nobody speaking
WORDS_OUT_MS: Final = 300  # of quiet on our side: what we said has arrived


@dataclass(slots=True)
class _Run:
    since_ms: int
    bridged: bool = False


class ToolWatch:
    """One per call."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._quiet_since_ms: int | None = None
        self._ours_since_ms: int | None = None
        self._words_out: asyncio.Event | None = None

    @property
    def running(self) -> int:
        """How many tools run."""
        return len(self._runs)

    def begin(self, call_id: str, now_ms: int, *, bridged: bool) -> None:
        """A tool runs; `bridged` False: it needs no sentence of ours."""
        self._runs[call_id] = _Run(now_ms, bridged=not bridged)

    def end(self, call_id: str) -> None:
        self._runs.pop(call_id, None)

    def check(self, now_ms: int, *, we_speak: bool, they_speak: bool) -> bool:
        """Whether one bridging sentence is due now; it then counts for all tools that run."""
        self._ours_since_ms = _since(self._ours_since_ms, not we_speak, now_ms)
        self._quiet_since_ms = _since(self._quiet_since_ms, not (we_speak or they_speak), now_ms)
        if self._words_out is not None and _lasted(self._ours_since_ms, now_ms, WORDS_OUT_MS):
            self._words_out.set()
        quiet_since_ms = self._quiet_since_ms
        if quiet_since_ms is None:
            return False
        due = any(
            not run.bridged and now_ms - max(run.since_ms, quiet_since_ms) >= BRIDGE_AFTER_MS
            for run in self._runs.values()
        )
        if due:
            for run in self._runs.values():
                run.bridged = True
        return due

    async def words_out(self) -> None:
        """Until nothing of ours has been said for a moment. The caller has the deadline."""
        self._ours_since_ms = None  # count anew: what was asked for in this moment may not be playing yet
        self._words_out = asyncio.Event()
        try:
            await self._words_out.wait()
        finally:
            self._words_out = None


def _since(before: int | None, lasts: bool, now_ms: int) -> int | None:
    if not lasts:
        return None
    return now_ms if before is None else before


def _lasted(since_ms: int | None, now_ms: int, least_ms: int) -> bool:
    return since_ms is not None and now_ms - since_ms >= least_ms
