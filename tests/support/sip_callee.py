"""``RecordingCallee``: a SIP phone for tests that can be told what to do, plays sound and keeps what it hears.

One call at a time on free UDP ports of loopback; a second caller gets 486. SIPp (``SippCallee``) is the independent
peer for signalling and for load; this one exists because sound has to be checked by its content in both directions.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from types import TracebackType
from typing import Self, cast

from tests.support.rtp import Address, RtpStream
from tests.support.sip_message import SipMessage, digest, offer_of_sound, response, sound_address, uri_in

DEFAULT_DEADLINE_S = 60.0
REGISTRATION_S = 300


class RecordingCallee(asyncio.DatagramProtocol):
    """A phone. By default it rings at once and answers 200 ms later.

    ``answer_after_s=None`` rings until ``answer()`` or ``reject()``; ``early_media`` sends 183 with sound instead of
    180, ``provisional`` another status (100: nothing more); ``on_answer_play`` is PCM (8 kHz) that is spoken as soon as
    the call is up; without ``sends_sound`` not one RTP packet leaves it.
    """

    def __init__(
        self,
        *,
        answer_after_s: float | None = 0.2,
        provisional: int = 180,
        early_media: bool = False,
        on_answer_play: bytes = b"",
        sends_sound: bool = True,
        sip_port: int = 0,
    ) -> None:
        self._wanted_port = sip_port
        self._sends_sound = sends_sound
        self._answer_after_s = answer_after_s
        self._provisional = 183 if early_media else provisional
        self._on_answer_play = on_answer_play
        self.rtp = RtpStream()
        self.invited = asyncio.Event()
        self.answered = asyncio.Event()  # our 200 was acknowledged: the call is up
        self.ended = asyncio.Event()
        self.ended_by: str | None = None  # "CANCEL", "BYE" (they hung up) or "us"
        self.invite: SipMessage | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.Event()
        self._caller: Address = ("127.0.0.1", 0)
        self._tag = uuid.uuid4().hex[:8]
        self._timer: asyncio.Task[None] | None = None
        self._final_status = 0
        self._own_sequence = 0
        self._responses: asyncio.Queue[SipMessage] = asyncio.Queue(maxsize=16)

    async def __aenter__(self) -> Self:
        await self.rtp.open()
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", self._wanted_port)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.invited.is_set() and not self.ended.is_set():
            await self.hang_up() if self._final_status == 200 else self.reject(480)
        self._cancel_timer()
        await self.rtp.close()
        if self._transport is not None:
            self._transport.close()
            await self._closed.wait()

    @property
    def sip_port(self) -> int:
        """The UDP port of its SIP."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    # ------------------------------------------------------------ what a person does with a phone

    def answer(self) -> None:
        """Lift the receiver: 200 with sound."""
        self._final_status = 200
        self._respond(200, with_sound=True)

    def reject(self, status: int = 486) -> None:
        """Refuse the call that rings."""
        self._final_status = status
        self._respond(status)
        self._finish("us")

    async def hang_up(self) -> None:
        """Put the receiver down and wait until the other side has confirmed."""
        if self.ended.is_set():
            return
        assert self.invite is not None
        self._finish("us")
        self._own_sequence += 1
        headers = (
            ("Via", f"SIP/2.0/UDP 127.0.0.1:{self.sip_port};rport;branch=z9hG4bK{uuid.uuid4().hex}"),
            ("Max-Forwards", "70"),
            ("From", f"{self.invite.get('To')};tag={self._tag}"),
            ("To", self.invite.get("From")),
            ("Call-ID", self.invite.get("Call-ID")),
            ("CSeq", f"{self._own_sequence} BYE"),
        )
        await self._request(SipMessage(f"BYE {uri_in(self.invite.get('Contact'))} SIP/2.0", headers), self._caller)

    def play(self, pcm: bytes) -> None:
        """Speak PCM (8 kHz, 16 bit); it is queued behind what is still being spoken."""
        self.rtp.play(pcm)

    def press(self, digits: str) -> None:
        """Press keys."""
        self.rtp.press(digits)

    def received(self) -> bytes:
        """Everything heard so far, as PCM."""
        return self.rtp.received()

    @property
    def digits(self) -> str:
        """The keys that the other side pressed."""
        return self.rtp.digits

    async def wait_for_digits(self, count: int, timeout_s: float = DEFAULT_DEADLINE_S) -> str:
        """Wait until ``count`` keys arrived."""
        async with asyncio.timeout(timeout_s):
            while len(self.rtp.digits) < count:
                self.rtp.digit_arrived.clear()
                await self.rtp.digit_arrived.wait()
        return self.rtp.digits

    async def register(self, sip_port: int, username: str, secret: str, expires_s: int = REGISTRATION_S) -> None:
        """Register at the switch on loopback as a softphone does (``expires_s=0``: unregister).

        Raises ConnectionRefusedError when the switch says no.
        """
        uri, call_id, authorization = f"sip:127.0.0.1:{sip_port}", uuid.uuid4().hex, ""
        for sequence in (1, 2):
            headers = [
                ("Via", f"SIP/2.0/UDP 127.0.0.1:{self.sip_port};rport;branch=z9hG4bK{uuid.uuid4().hex}"),
                ("Max-Forwards", "70"),
                ("From", f"<sip:{username}@127.0.0.1>;tag={self._tag}"),
                ("To", f"<sip:{username}@127.0.0.1>"),
                ("Call-ID", call_id),
                ("CSeq", f"{sequence} REGISTER"),
                ("Contact", f"<sip:{username}@127.0.0.1:{self.sip_port}>;expires={expires_s}"),
            ]
            if authorization:
                headers.append(("Authorization", authorization))
            request = SipMessage(f"REGISTER {uri} SIP/2.0", tuple(headers))
            answer = await self._request(request, ("127.0.0.1", sip_port))
            if answer.status == 200:
                return
            challenge = answer.get("WWW-Authenticate")
            authorization = digest(challenge, username=username, secret=secret, method="REGISTER", uri=uri)
        raise ConnectionRefusedError(answer.start_line)

    # ------------------------------------------------------------ SIP in

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # 3.11's is not a subclass

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        message = SipMessage.parse(data)
        if message.status:
            with contextlib.suppress(asyncio.QueueFull):
                self._responses.put_nowait(message)
            return
        handlers = {"INVITE": self._on_invite, "ACK": self._on_ack, "CANCEL": self._on_cancel, "BYE": self._on_bye}
        handlers.get(message.method, self._on_other)(message, addr)

    def _on_invite(self, message: SipMessage, addr: Address) -> None:
        if self.invited.is_set() and not self.ended.is_set():
            if self.invite is not None and message.get("Call-ID") != self.invite.get("Call-ID"):
                self._send(response(message, 486, self._tag, self._contact), addr)
            elif self._final_status:  # a re-INVITE or a retransmission: say again what was said
                self.invite = message
                self._respond(self._final_status, with_sound=self._final_status == 200)
            return
        self._begin(message, addr)
        self._respond(100)
        if self._provisional != 100:
            self._respond(self._provisional, with_sound=self._provisional == 183)
        if self._answer_after_s is not None:
            self._timer = asyncio.create_task(self._answer_later(self._answer_after_s), name="callee-answers")

    def _on_ack(self, message: SipMessage, addr: Address) -> None:
        if self._final_status == 200 and not self.ended.is_set() and not self.answered.is_set():
            if self._on_answer_play:
                self.play(self._on_answer_play)
            self.answered.set()

    def _on_cancel(self, message: SipMessage, addr: Address) -> None:
        self._send(response(message, 200, self._tag, self._contact), addr)
        if not self._final_status:
            self._final_status = 487
            self._respond(487)
            self._finish("CANCEL")

    def _on_bye(self, message: SipMessage, addr: Address) -> None:
        self._send(response(message, 200, self._tag, self._contact), addr)
        self._finish("BYE")

    def _on_other(self, message: SipMessage, addr: Address) -> None:
        """OPTIONS (are you there?) and REGISTER (a switch that registers here as at a provider) are welcome."""
        known = message.method in ("OPTIONS", "REGISTER")
        self._send(response(message, 200 if known else 501, self._tag, self._contact), addr)

    # ------------------------------------------------------------ inside

    @property
    def _contact(self) -> str:
        return f"sip:callee@127.0.0.1:{self.sip_port}"

    def _begin(self, invite: SipMessage, caller: Address) -> None:
        self.invite, self._caller, self._final_status, self.ended_by = invite, caller, 0, None
        self.answered.clear()
        self.ended.clear()
        self.rtp.forget()
        self.invited.set()

    def _finish(self, by: str) -> None:
        self._cancel_timer()
        self.rtp.stop()
        if not self.ended.is_set():
            self.ended_by = by
            self.ended.set()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _answer_later(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        self.answer()

    def _respond(self, status: int, *, with_sound: bool = False) -> None:
        assert self.invite is not None
        sdp = ""
        if with_sound:
            sdp = offer_of_sound(self.rtp.port)
            if self._sends_sound:
                self.rtp.start(sound_address(self.invite.body))
        self._send(response(self.invite, status, self._tag, self._contact, sdp), self._caller)

    async def _request(self, message: SipMessage, to: Address, timeout_s: float = DEFAULT_DEADLINE_S) -> SipMessage:
        self._send(message, to)
        async with asyncio.timeout(timeout_s):
            while True:
                answer = await self._responses.get()
                if answer.get("CSeq") == message.get("CSeq") and answer.status >= 200:
                    return answer

    def _send(self, message: SipMessage, to: Address) -> None:
        assert self._transport is not None
        self._transport.sendto(message.encode(), to)


class Carrier(RecordingCallee):
    """What stands behind a trunk: sends each number on to the port of its callee (302), refuses others (404)."""

    def __init__(self, sip_port: int) -> None:
        super().__init__(sip_port=sip_port)
        self.ports: dict[str, int] = {}  # number -> SIP port of loopback

    def _on_invite(self, message: SipMessage, addr: Address) -> None:
        number = message.start_line.split(" ")[1].removeprefix("sip:").partition("@")[0]
        if number in self.ports:
            contact = f"sip:{number}@127.0.0.1:{self.ports[number]}"
            self._send(response(message, 302, self._tag, contact), addr)
        else:
            self._send(response(message, 404, self._tag, self._contact), addr)

    def _on_cancel(self, message: SipMessage, addr: Address) -> None:
        self._send(response(message, 481, self._tag, self._contact), addr)
