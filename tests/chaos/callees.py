"""The callees of a chaos run: SIPp of every kind, each serving many numbers, and the carrier that routes to them.

SIPp's traces and the carriers' lists of INVITEs are the witnesses of who was called when; the product has no part in
them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.moments import Moment, Moments
from tests.support.asterisk import SippCallee
from tests.support.rtp import Address
from tests.support.sip_callee import Carrier
from tests.support.sip_message import SipMessage, response

AREAS = ("202", "212", "303", "312", "404", "415", "503", "512", "617", "702")  # 555-0100 to 555-0199 are for fiction
NUMBERS_PER_AREA = 100


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of callee. `share`: how many of a hundred tasks. `refused_first`: the carrier has no room once (503)."""

    name: str
    scenario: str
    share: int
    status: str = "486 Busy Here"
    talk_ms: int = 500
    refused_first: bool = False


KINDS = (
    Kind("stays until we hang up", "answer", 30),
    Kind("early media, then answers", "early_media", 10),
    Kind("answers late", "answer_late", 10, talk_ms=2_500),
    Kind("hangs up soon", "hang_up", 10, talk_ms=700),
    Kind("hangs up after a while", "hang_up", 10, talk_ms=4_000),
    Kind("rings for ever", "ring", 8),
    Kind("busy", "reject", 8),
    Kind("declines", "reject", 5, status="603 Decline"),
    Kind("unknown number", "reject_at_once", 4, status="404 Not Found"),
    Kind("not available", "reject_at_once", 2, status="480 Temporarily Unavailable"),
    Kind("reached on the second try", "answer", 3, refused_first=True),
)


def number(position: int) -> str:
    """The number of the task at this position, E.164; up to a thousand."""
    area, line = divmod(position, NUMBERS_PER_AREA)
    return f"+1{AREAS[area]}555{100 + line:04d}"


def kind_of(position: int) -> Kind:
    """Spread over the positions by their shares, the same in every run."""
    slot = position * 37 % 100  # 37 and 100 have no common factor: every slot comes once in a hundred
    for kind in KINDS:
        if slot < kind.share:
            return kind
        slot -= kind.share
    raise AssertionError("the shares make a hundred")


@dataclass(frozen=True, slots=True)
class Invite:
    """A call as it reached the trunk's far end. `at`: seconds of the epoch."""

    at: float
    number: str
    call_id: str


class WatchedCarrier(Carrier):
    """A carrier that remembers every new INVITE."""

    def __init__(self, sip_port: int, moments: Moments, refuse_once: set[str]) -> None:
        super().__init__(sip_port)
        self.invites: list[Invite] = []
        self._refuse_once = refuse_once
        self._moments = moments
        self._known: set[str] = set()

    def _on_invite(self, message: SipMessage, addr: Address) -> None:
        call_id = message.get("Call-ID")
        if call_id not in self._known:
            self._known.add(call_id)
            dialled = message.start_line.split(" ")[1].removeprefix("sip:").partition("@")[0]
            self.invites.append(Invite(time.time(), dialled, call_id))
            self._moments.announce(Moment.ORIGINATE)
            if dialled in self._refuse_once:
                self._refuse_once.discard(dialled)
                self._send(response(message, 503, self._tag, self._contact), addr)
                return
        super()._on_invite(message, addr)


class ChaosCallees:
    """All SIPps and one carrier for each trunk port."""

    def __init__(self, trunk_ports: Iterable[int], tasks: int, folder: Path, moments: Moments) -> None:
        refuse_once = {number(at) for at in range(tasks) if kind_of(at).refused_first}
        self.carriers = [WatchedCarrier(port, moments, refuse_once) for port in trunk_ports]
        self._tasks = tasks
        self._folder = folder
        self._stack = contextlib.AsyncExitStack()

    @property
    def traces(self) -> list[Path]:
        """What the SIPps wrote; complete after `close`."""
        return [self._folder / f"sipp-{index}.csv" for index, _ in enumerate(KINDS)]

    async def open(self) -> None:
        ports: dict[str, int] = {}
        for kind, trace in zip(KINDS, self.traces, strict=True):
            callee = SippCallee(kind.scenario, status=kind.status, talk_ms=kind.talk_ms, trace=trace)
            await self._stack.enter_async_context(callee)
            ports[kind.name] = callee.sip_port
        routes = {number(position): ports[kind_of(position).name] for position in range(self._tasks)}
        for carrier in self.carriers:
            carrier.ports.update(routes)
            await self._stack.enter_async_context(carrier)

    async def close(self) -> None:
        await self._stack.aclose()
