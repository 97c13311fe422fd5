"""The manager's port: clients log in, send actions, and receive the events of all calls.

Owns sessions and their sockets. Framing lives in `ami_wire`, what an action does in `ami_actions`.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from dataclasses import dataclass
from typing import cast

import structlog

from opendeep.simulation.ami_actions import Answer, perform
from opendeep.simulation.ami_wire import BANNER, AmiReader, AmiRequest, encode_packet
from opendeep.simulation.channels import Packet
from opendeep.simulation.exchange import Exchange
from opendeep.simulation.originate import ActionRefusedError

log = structlog.get_logger(__name__)

MAX_UNSENT_BYTES = 8_000_000
MAX_SESSIONS = 100
OFF = frozenset({"off", "false", "no", "0", "n", "f"})


@dataclass(frozen=True, slots=True)
class AmiAccount:
    """The one manager user of the switch; `read` names the classes of events it receives."""

    username: str
    secret: str
    read: frozenset[str] = frozenset({"call", "dtmf", "system", "reporting", "dialplan"})

    def matches(self, username: str, secret: str) -> bool:
        same_name = hmac.compare_digest(username.encode(), self.username.encode())
        return hmac.compare_digest(secret.encode(), self.secret.encode()) and same_name

    def __repr__(self) -> str:
        return f"AmiAccount(username={self.username!r})"


class AmiServer:
    """Accepts manager clients (at most 100) and gives every event to each that wants events."""

    def __init__(self, exchange: Exchange, account: AmiAccount) -> None:
        self.exchange = exchange
        self.account = account
        self._readable = frozenset(f"{name},all" for name in account.read)
        self._sessions: set[AmiSession] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that clients connect to. Raises RuntimeError when the server is not started."""
        if self._server is None:
            raise RuntimeError("the manager port is not open")
        host, port = self._server.sockets[0].getsockname()[:2]
        return str(host), int(port)

    async def start(self, host: str, port: int) -> None:
        self._server = await asyncio.get_running_loop().create_server(lambda: AmiSession(self), host, port)

    async def stop(self) -> None:
        """Close the port and every session."""
        if self._server is None:
            return
        self._server.close()
        for session in list(self._sessions):
            session.abort()
        await self._server.wait_closed()
        self._server = None

    def broadcast(self, packet: Packet) -> None:
        """Send one event to every client that receives events, if the account may read its class."""
        if dict(packet[:2])["Privilege"] not in self._readable:
            return
        data: bytes | None = None
        packet = [*packet[:2], ("Timestamp", f"{time.time():.6f}"), *packet[2:]]
        for session in list(self._sessions):
            if session.receives_events:
                data = data if data is not None else encode_packet(packet)
                session.send(data)

    def admit(self, session: AmiSession) -> bool:
        if len(self._sessions) >= MAX_SESSIONS:
            return False
        self._sessions.add(session)
        return True

    def remove(self, session: AmiSession) -> None:
        self._sessions.discard(session)


class AmiSession(asyncio.Protocol):
    """One client. One that does not read is cut off when 8 MB wait for it."""

    def __init__(self, server: AmiServer) -> None:
        self._server = server
        self._reader = AmiReader()
        self._transport: asyncio.Transport | None = None
        self._logged_in = False
        self._events_on = True

    @property
    def receives_events(self) -> bool:
        return self._logged_in and self._events_on

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._server.admit(self):
            self.send(BANNER)
        else:
            log.warning("ami_sessions_exhausted", limit=MAX_SESSIONS)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server.remove(self)

    def data_received(self, data: bytes) -> None:
        for request in self._reader.receive_data(data):
            if self._transport is None or self._transport.is_closing():
                return
            try:
                self._receive(request)
            except Exception:  # boundary: one action's failure closes that client only
                log.exception("ami_action_failed", action=request.action[:40])
                self.close()

    def send(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            log.warning("ami_client_does_not_read", limit_bytes=MAX_UNSENT_BYTES)
            self._transport.abort()
            return
        self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the client off at once, whatever it has not read yet."""
        if self._transport is not None:
            self._transport.abort()

    def _receive(self, request: AmiRequest) -> None:
        action = request.action.lower()
        if action == "login":
            self._log_in(request)
        elif action == "logoff":
            self._respond("Goodbye", request, [("Message", "Thanks for all the fish.")])
            self.close()
        elif not self._logged_in:
            self._respond("Error", request, [("Message", "Permission denied")])
        elif action == "events":
            self._switch_events(request)
        else:
            self._perform(request)

    def _log_in(self, request: AmiRequest) -> None:
        if self._logged_in:
            self._respond("Success", request, [("Message", "Already authenticated")])
            return
        if not self._server.account.matches(request.get("Username"), request.get("Secret")):
            log.warning("ami_login_refused")
            self._respond("Error", request, [("Message", "Authentication failed")])
            self.close()
            return
        self._respond("Success", request, [("Message", "Authentication accepted")])
        self._logged_in = True
        self._events_on = request.get("Events", "on").lower() not in OFF
        if self._events_on:
            self.send(encode_packet(fully_booted(self._server.exchange.now_ms)))

    def _switch_events(self, request: AmiRequest) -> None:
        self._events_on = request.get("EventMask").lower() not in OFF
        self._respond("Success", request, [("Events", "On" if self._events_on else "Off")])

    def _perform(self, request: AmiRequest) -> None:
        try:
            answer: Answer = perform(self._server.exchange, request)
        except ActionRefusedError as error:
            self._respond("Error", request, [("Message", str(error))])
            return
        self._respond("Success", request, answer.fields)
        for event in answer.events:
            self.send(encode_packet(event))
        if answer.then is not None:
            answer.then()

    def _respond(self, response: str, request: AmiRequest, fields: Packet) -> None:
        identity: Packet = [("ActionID", request.action_id)] if request.action_id else []
        self.send(encode_packet([("Response", response), *identity, *fields]))


def fully_booted(uptime_ms: int) -> Packet:
    """Return the event that follows a login."""
    seconds = uptime_ms // 1000
    return [
        ("Event", "FullyBooted"),
        ("Privilege", "system,all"),
        ("Uptime", seconds),
        ("LastReload", seconds),
        ("Status", "Fully Booted"),
    ]
