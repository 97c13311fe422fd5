"""A SIP provider at the wire: takes registrations with a password, places calls to the switch, notes what it is asked.

Independent of the product. One UDP socket on an address of the loopback network, so that several providers and
strangers can be told apart by their address. Wire facts: RFC 3261 sections 10 and 22, RFC 2617 section 3.2.2.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import uuid
from types import TracebackType
from typing import Self, cast

from tests.support.sip_message import SipMessage, digest, offer_of_sound, response

DEADLINE_S = 60.0
REALM, NONCE = "provider", "0123456789abcdef"
Address = tuple[str, int]


class SipProvider(asyncio.DatagramProtocol):
    """``accounts`` are user → password; without any it wants none. INVITEs are answered with 404 and kept."""

    def __init__(self, host: str = "127.0.0.1", *, accounts: dict[str, str] | None = None) -> None:
        self.registered: dict[str, str] = {}  # user -> contact
        self.refusals = 0  # REGISTERs with a wrong password
        self.invites: list[SipMessage] = []  # with the right password, where one is wanted
        self.challenged = 0  # requests without a password
        self.away = False  # does not answer anything
        self.accounts = accounts or {}
        self._host = host
        self._changed = asyncio.Condition()
        self._responses: asyncio.Queue[SipMessage] = asyncio.Queue(maxsize=16)
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.Event()
        self._notices: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(self._host, 0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._transport is not None
        self._transport.close()
        await self._closed.wait()
        await asyncio.gather(*self._notices)

    @property
    def address(self) -> str:
        """`host:port`, as TRUNK_HOST wants it."""
        assert self._transport is not None
        return f"{self._host}:{self._transport.get_extra_info('sockname')[1]}"

    async def until_registered(self, user: str) -> str:
        """Wait for a registration with the right password; its contact."""
        await self._until(lambda: user in self.registered)
        return self.registered[user]

    async def until_refused(self) -> None:
        """Wait until a wrong password was refused."""
        await self._until(lambda: self.refusals > 0)

    async def until_invited(self) -> SipMessage:
        """Wait for a call; the last one."""
        await self._until(lambda: bool(self.invites))
        return self.invites[-1]

    async def call(self, switch: Address, number: str, *, user: str = "stranger", secret: str | None = None) -> int:
        """Place a call to the switch and return its final status; a challenge is answered when there is a ``secret``.

        A call that is answered is left to its end by whoever answered; only statuses matter here.
        """
        uri, call_id, authorization = f"sip:{number}@{switch[0]}:{switch[1]}", uuid.uuid4().hex, ""
        for sequence in (1, 2):
            answer = await self._invite(switch, uri, call_id, sequence, user, authorization)
            challenge = answer.get("WWW-Authenticate")
            if answer.status != 401 or secret is None or sequence == 2:
                return answer.status
            authorization = digest(challenge, username=user, secret=secret, method="INVITE", uri=uri)
        raise AssertionError("unreachable")

    # ------------------------------------------------------------ SIP

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        message = SipMessage.parse(data)
        if self.away:
            return
        if message.status:
            if message.status >= 200 and not self._responses.full():
                self._responses.put_nowait(message)
            return
        handlers = {"REGISTER": self._on_register, "INVITE": self._on_invite, "OPTIONS": self._on_options}
        if message.method in handlers:
            self._send(handlers[message.method](message), addr)
        notice = asyncio.create_task(self._tell(), name="provider-tells")
        self._notices.add(notice)
        notice.add_done_callback(self._notices.discard)

    def _on_options(self, message: SipMessage) -> SipMessage:
        return response(message, 200, "p", self._contact)

    def _on_register(self, message: SipMessage) -> SipMessage:
        if (user := self._proven(message, "Authorization")) is None:
            if message.get("Authorization"):
                self.refusals += 1
            return self._challenge(message, 401, "WWW-Authenticate")
        self.registered[user] = message.get("Contact")
        granted = response(message, 200, "p", self._contact)
        headers = tuple(item for item in granted.headers if item[0] != "Contact")
        return SipMessage(granted.start_line, (*headers, ("Contact", message.get("Contact")), ("Expires", "300")))

    def _on_invite(self, message: SipMessage) -> SipMessage:
        if self.accounts and self._proven(message, "Proxy-Authorization") is None:
            return self._challenge(message, 407, "Proxy-Authenticate")
        self.invites.append(message)
        return response(message, 404, "p", self._contact)

    def _proven(self, message: SipMessage, header: str) -> str | None:
        """The user, when the request carries the right password."""
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', message.get(header)))
        if not fields:
            self.challenged += 1
            return None
        secret = self.accounts.get(fields["username"])
        if secret is None:
            return None
        secret_hash = _md5(f"{fields['username']}:{REALM}:{secret}")
        extra = f"{fields['nc']}:{fields['cnonce']}:{fields['qop']}:" if "qop" in fields else ""
        wanted = _md5(f"{secret_hash}:{NONCE}:{extra}{_md5(message.method + ':' + fields['uri'])}")
        return fields["username"] if fields["response"] == wanted else None

    def _challenge(self, message: SipMessage, status: int, header: str) -> SipMessage:
        plain = response(message, status, "p", self._contact)
        value = f'Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5, qop="auth"'
        return SipMessage(plain.start_line, (*plain.headers, (header, value)))

    # ------------------------------------------------------------ inside

    async def _invite(
        self, switch: Address, uri: str, call_id: str, sequence: int, user: str, authorization: str
    ) -> SipMessage:
        branch = f"z9hG4bK{uuid.uuid4().hex}"
        headers = [
            ("Via", f"SIP/2.0/UDP {self.address};rport;branch={branch}"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{user}@{self._host}>;tag=p"),
            ("To", f"<{uri}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{sequence} INVITE"),
            ("Contact", f"<{self._contact}>"),
            ("Content-Type", "application/sdp"),
        ]
        if authorization:
            headers.append(("Authorization", authorization))
        self._send(SipMessage(f"INVITE {uri} SIP/2.0", tuple(headers), offer_of_sound(40_000)), switch)
        async with asyncio.timeout(DEADLINE_S):
            while True:
                answer = await self._responses.get()
                if answer.get("CSeq") == f"{sequence} INVITE" and answer.get("Call-ID") == call_id:
                    break
        acknowledged = [item for item in headers if item[0] in ("Via", "Max-Forwards", "From", "Call-ID")]
        acknowledged += [("To", answer.get("To")), ("CSeq", f"{sequence} ACK")]
        self._send(SipMessage(f"ACK {uri} SIP/2.0", tuple(acknowledged)), switch)
        return answer

    @property
    def _contact(self) -> str:
        return f"sip:provider@{self.address}"

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _until(self, condition: object) -> None:
        assert callable(condition)
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(condition)

    def _send(self, message: SipMessage, to: Address) -> None:
        assert self._transport is not None
        self._transport.sendto(message.encode(), to)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
