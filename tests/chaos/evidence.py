"""What independent witnesses saw: the calls in the callees' own SIP traces, and the sockets of the kernel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CLOSE_WAIT = "08"  # Linux, include/net/tcp_states.h
ADDRESS_FIELDS = 4


@dataclass(frozen=True, slots=True)
class Ring:
    """One call at a callee's phone, seconds of the epoch. `ended_at` None: nobody told the phone that it is over."""

    number: str
    call_id: str
    began_at: float
    ended_at: float | None


def rings(traces: Iterable[Path]) -> list[Ring]:
    """Every call that reached a callee, from SIPp's short message traces."""
    began: dict[str, tuple[float, str]] = {}
    ended: dict[str, float] = {}
    for trace in traces:
        for line in trace.read_text(errors="replace").splitlines() if trace.exists() else ():
            fields = line.split("\t")
            if len(fields) < 7:
                continue
            at, call_id, sequence, start_line = float(fields[2]), fields[4], fields[5], fields[6]
            if start_line.startswith("INVITE "):
                began.setdefault(call_id, (at, start_line.split(" ")[1].removeprefix("sip:").partition("@")[0]))
            elif _ends(sequence, start_line):
                ended.setdefault(call_id, at)
    return [Ring(number, call_id, at, ended.get(call_id)) for call_id, (at, number) in began.items()]


def _ends(sequence: str, start_line: str) -> bool:
    """A request to end, or a final refusal of the INVITE (RFC 3261, sections 9, 13.3.1.3 and 15)."""
    if start_line.startswith(("BYE ", "CANCEL ")):
        return True
    code = start_line.removeprefix("SIP/2.0 ")[:1]
    return sequence.endswith("INVITE") and start_line.startswith("SIP/2.0 ") and code in "3456"


def close_waits(ports: set[int]) -> list[str]:
    """Sockets of loopback in CLOSE_WAIT at one of these ports, on either side (proc(5), /proc/net/tcp)."""
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state = line.split()[:ADDRESS_FIELDS]
        ends = [int(address.split(":")[1], 16) for address in (local, remote)]
        if state == CLOSE_WAIT and ports & set(ends):
            found.append(f"{ends[0]} to {ends[1]}")
    return found
