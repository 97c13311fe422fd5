"""Callees behind SIP: telephones of this process that a real Asterisk can ring, one UDP port for all of them.

Owns the SIP socket, the clock and the calls. A number that no callee has is refused with 404; nothing is ever passed on
to anybody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import cast

import structlog

from opendeep.simulation.callee_schema import Attempt, Callee
from opendeep.simulation.callee_session import CalleeSession
from opendeep.simulation.directory import Directory
from opendeep.simulation.pickup import ScriptedPickup
from opendeep.simulation.recording import StereoRecorder
from opendeep.simulation.rtp_leg import Address, RtpLeg
from opendeep.simulation.simulated_call import CallSnapshot, Phase
from opendeep.simulation.sip_leg import SipLeg
from opendeep.simulation.sip_wire import SipMessage, parse, response
from opendeep.simulation.talking_callee import Engines, TalkingCallee
from opendeep.simulation.ticker import PacingTicker, Ticker

log = structlog.get_logger(__name__)

MAX_CALLS = 200
NO_SUCH_CALL = 481
TAG = "phones"


class SipPhones(asyncio.DatagramProtocol):
    """`async with SipPhones(…) as phones`: callees answer at `phones.address`.

    `on_ended` is told of every call with its recording (None: nobody answered, or nothing is recorded).
    """

    def __init__(
        self,
        callees: Iterable[Callee],
        engines: Engines,
        *,
        host: str = "127.0.0.1",
        record_dir: Path | None = None,
        on_ended: Callable[[CallSnapshot, Path | None], None] | None = None,
        ticker: Ticker | None = None,
    ) -> None:
        self._directory = Directory(callees)
        self._engines = engines
        self._host = host
        self._record_dir = record_dir
        self._on_ended = on_ended
        self._ticker = ticker or PacingTicker()
        self._calls: dict[str, SipLeg] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._awaited: set[str] = set()
        self._transport: asyncio.DatagramTransport | None = None
        self._now_ms = 0
        self._recorded = 0

    @property
    def address(self) -> Address:
        """Host and UDP port. Raises RuntimeError before `start`."""
        if self._transport is None:
            raise RuntimeError("the telephones are not switched on")
        return self._host, int(self._transport.get_extra_info("sockname")[1])

    def calls(self) -> tuple[CallSnapshot, ...]:
        """The live calls as they are now."""
        return tuple(call.snapshot() for call in self._calls.values())

    async def __aenter__(self) -> SipPhones:
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(self._host, 0))
        self._ticker.start(self._tick)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ticker.stop()
        for task in self._opening:
            task.cancel()
        for call in self._calls.values():
            call.abandon()
        self._forget_ended()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        try:
            message = parse(data)
        except ValueError:
            return  # a keep-alive, or nothing of ours
        if message.status:
            return  # the answer to our BYE
        call = self._calls.get(message.get("Call-ID"))
        if call is not None:
            call.receive(message)
        elif message.method == "INVITE":
            self._invite(message, addr)
        elif message.method != "ACK":
            status = 200 if message.method in ("OPTIONS", "BYE") else NO_SUCH_CALL
            self._send(response(message, status, TAG, self._contact(message.number)), addr)

    def _invite(self, invite: SipMessage, addr: Address) -> None:
        known = self._directory.has_endpoint(invite.number)
        if not known or len(self._calls) + len(self._opening) >= MAX_CALLS:
            log.warning("sip_callee_unknown" if not known else "sip_callees_busy", number=invite.number)
            self._send(response(invite, 404 if not known else 503, TAG, self._contact(invite.number)), addr)
            return
        call_id = invite.get("Call-ID")
        if call_id in self._awaited:
            return  # a repetition while its socket opens
        self._awaited.add(call_id)
        task = asyncio.get_running_loop().create_task(self._open(invite, addr), name=f"sip-callee-{call_id}")
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, invite: SipMessage, addr: Address) -> None:
        call_id = invite.get("Call-ID")
        contact = self._contact(invite.number)
        try:
            rtp = await RtpLeg.open(self._host)
        except OSError as error:
            log.error("sip_callee_has_no_socket", error=str(error))
            self._send(response(invite, 503, TAG, contact), addr)
            return
        finally:
            self._awaited.discard(call_id)
        call = SipLeg(
            invite,
            self._pickup(invite.number, call_id),
            rtp,
            self._host,
            contact,
            lambda message: self._send(message, addr),
            self._now_ms,
        )
        try:
            call.begin()
        except ValueError as error:
            log.warning("sip_callee_refuses_the_offer", error=str(error))
            rtp.close()
            self._send(response(invite, 488, TAG, contact), addr)
            return
        self._calls[call_id] = call

    def _pickup(self, number: str, call_id: str) -> ScriptedPickup:
        callee = self._directory.find(number)
        attempt = self._directory.next_attempt(callee, number)

        def make_session(answering: Callee, answered: Attempt) -> CalleeSession:
            return TalkingCallee(answering, call_id, self._engines, answered.start)

        return ScriptedPickup(callee, attempt, make_session, 1.0)

    def _tick(self, now_ms: int) -> None:
        self._now_ms = now_ms
        for call in list(self._calls.values()):
            try:
                call.tick(now_ms, self._recorder)
            except Exception:  # boundary: one call's failure ends that call only
                log.exception("sip_callee_failed", number=call.number)
                call.abandon()
        self._forget_ended()

    def _forget_ended(self) -> None:
        for key, call in list(self._calls.items()):
            if call.phase is Phase.ENDED:
                del self._calls[key]
                if self._on_ended is not None:
                    self._on_ended(call.snapshot(), call.recording)

    def _recorder(self) -> StereoRecorder | None:
        if self._record_dir is None:
            return None
        self._recorded += 1
        return StereoRecorder(self._record_dir, f"sip-{self._recorded}")

    def _send(self, message: SipMessage, addr: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(message.encode(), addr)

    def _contact(self, number: str) -> str:
        host, port = self.address
        return f"sip:{number or 'callee'}@{host}:{port}"
