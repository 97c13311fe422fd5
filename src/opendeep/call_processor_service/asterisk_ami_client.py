"""`AsteriskAmiClient`: Asterisk's manager interface for asyncio, one logged-in connection that comes back by itself.

Owns login, deadlines of actions, lists, keep-alive, reconnecting and the state that /readyz shows. The thread and the
socket are `ami_connection`, the registry of listeners is `ami_listeners`. It knows no calls: what an event means for a
call lives in `attempt_states`. An originate is never repeated here: an action whose connection is lost has failed.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import structlog

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.ami_action import AmiAction
from opendeep.call_processor_service.ami_connection import CONNECT_TIMEOUT_S, QUEUE_CAPACITY, AmiConnection
from opendeep.call_processor_service.ami_listeners import EventCallback, EventListeners, Remove
from opendeep.call_processor_service.ami_packets import AmiEvent, AmiPacket, AmiResponse
from opendeep.call_processor_service.ami_pending import PendingActions
from opendeep.common.clock import Clock, SystemClock
from opendeep.common.errors import TelephonyFault

log = structlog.get_logger(__name__)

RECONNECT_FIRST_S = 0.5
RECONNECT_MAX_S = 15.0
REFUSED_RETRY_S = 30.0  # a wrong password does not become right by asking often, and Asterisk may ban us


class AmiState(StrEnum):
    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    READY = "ready"
    REFUSED = "refused"  # Asterisk does not accept our user name or secret
    CLOSED = "closed"


class AmiNotConnected(TelephonyFault):
    """There is no logged-in connection; the action was not sent."""

    http_status = 503


class AmiLoginRefused(TelephonyFault):
    """Asterisk refuses our user name or secret."""

    retryable = False


@dataclass(frozen=True, slots=True)
class AmiAddress:
    """Where the manager interface is and who we are there."""

    host: str
    port: int
    username: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AmiLimits:
    """How long the client waits for what, in seconds, and how many events may wait for the event loop."""

    action_s: float = 5.0
    list_s: float = 10.0
    login_s: float = 5.0
    boot_s: float = 5.0  # Login → FullyBooted; a starting Asterisk accepts logins before its trunks are there
    ping_every_s: float = 10.0
    queue_capacity: int = QUEUE_CAPACITY


class AsteriskAmiClient:
    """Use: keep `run()` alive as a worker, or call `connect_and_login()` and `close()` for a single session."""

    def __init__(self, address: AmiAddress, clock: Clock | None = None, limits: AmiLimits | None = None) -> None:
        self.address = address
        self.state = AmiState.DISCONNECTED
        self.last_error: str | None = None
        self.version: str | None = None
        self.connections = 0  # logins that succeeded
        self.events_seen = 0
        self._clock = clock or SystemClock()
        self._limits = limits or AmiLimits()
        self._dropped_before = 0
        self._since: datetime = self._clock.now()
        self._connection: AmiConnection | None = None
        self._lost = asyncio.Event()
        self._booted = asyncio.Event()
        self._listeners = EventListeners()
        self._pending = PendingActions()
        self._action_count = 0
        self._on_reconnected: list[Callable[[], None]] = []
        self._on_disconnected: list[Callable[[], None]] = []
        self._on_events_lost: list[Callable[[], None]] = []

    # -- what others may ask

    @property
    def ready(self) -> bool:
        return self.state == AmiState.READY

    @property
    def events_dropped(self) -> int:
        """Events lost because the loop was too slow: more than `queue_capacity` waited."""
        return self._dropped_before + (self._connection.dropped if self._connection else 0)

    def snapshot(self) -> dict[str, object]:
        """For /readyz and the API."""
        return {
            "state": self.state.value,
            "since": self._since.isoformat(),
            "error": self.last_error,
            "connections": self.connections,
            "events_seen": self.events_seen,
            "events_dropped": self.events_dropped,
        }

    # -- listeners; they survive a reconnect

    def add_event_listener(self, name: str, callback: EventCallback) -> Remove:
        """Call back for every event called `name`; returns what removes the listener."""
        return self._listeners.add_named(name, callback)

    def add_generic_event_listener(self, callback: EventCallback) -> Remove:
        """Call back for every event."""
        return self._listeners.add_generic(callback)

    def add_channel_listener(self, channel_id: str, callback: EventCallback) -> Remove:
        """Call back for every event of one channel and of the legs linked to it, found in O(1)."""
        return self._listeners.add_channel(channel_id, callback)

    def on_reconnected(self, callback: Callable[[], None]) -> Remove:
        """Call back after every login, the first one included: what was missed must be asked for."""
        return _register(self._on_reconnected, callback)

    def on_events_lost(self, callback: Callable[[], None]) -> Remove:
        """Call back when the loop has caught up after an overflow: what was dropped must be asked for."""
        return _register(self._on_events_lost, callback)

    def on_disconnected(self, callback: Callable[[], None]) -> Remove:
        """Call back when a logged-in connection is lost."""
        return _register(self._on_disconnected, callback)

    # -- actions

    async def send_action(self, action: AmiAction, timeout: float | None = None) -> AmiResponse:
        """Send, and return Asterisk's response; look at its `ok`.

        Raises `AmiNotConnected` when nothing was sent, `TelephonyFault` when the connection is lost or no response came
        within `timeout` seconds (`action_s`): whether Asterisk carried it out is then unknown.
        """
        if not self.ready:
            raise AmiNotConnected(f"There is no connection to Asterisk ({self.last_error or self.state}).")
        response, _ = await self._exchange(action, timeout or self._limits.action_s, is_list=False)
        return response

    async def send_list_action(self, action: AmiAction, timeout: float | None = None) -> list[AmiEvent]:
        """Send an action that is answered by a list of events; return them without the closing `…Complete` event.

        Raises as `send_action`, and `TelephonyFault` when Asterisk refuses.
        """
        if not self.ready:
            raise AmiNotConnected(f"There is no connection to Asterisk ({self.last_error or self.state}).")
        response, items = await self._exchange(action, timeout or self._limits.list_s, is_list=True)
        if not response.ok:
            raise TelephonyFault(f"Asterisk refused {action.name}: {response.message}")
        return items

    # -- life

    async def connect_and_login(self) -> None:
        """Connect, read the banner, log in. Raises `AmiLoginRefused`, or `TelephonyFault` when Asterisk is away."""
        await self._abandon_connection()
        self._enter(AmiState.CONNECTING)
        try:
            await self._open_connection()
            response, _ = await self._exchange(
                ami_action.login(self.address.username, self.address.secret), self._limits.login_s, is_list=False
            )
        except BaseException as error:
            await self._abandon_connection()
            self._enter(AmiState.DISCONNECTED, str(error) or type(error).__name__)
            raise
        if not response.ok:
            await self._abandon_connection()
            reason = (
                f"Asterisk refuses the AMI user “{self.address.username}”: {response.message}. "
                "Compare ASTERISK_AMI_USERNAME and ASTERISK_AMI_SECRET with manager.conf."
            )
            self._enter(AmiState.REFUSED, reason)
            raise AmiLoginRefused(reason)
        await self._wait_until_booted()
        self.connections += 1
        self._enter(AmiState.READY)
        _call_all(self._on_reconnected)

    async def run(self) -> None:
        """The worker: stay connected and logged in; returns only when cancelled."""
        delay = RECONNECT_FIRST_S
        try:
            while True:
                try:
                    await self.connect_and_login()
                    delay = RECONNECT_FIRST_S
                    await self._stay_alive()
                except AmiLoginRefused as error:
                    log.error("ami.login_refused", error=str(error), retry_in_s=REFUSED_RETRY_S)
                    await self._clock.sleep(REFUSED_RETRY_S)
                except TelephonyFault as error:
                    pause = delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
                    log.warning("ami.away", error=str(error), retry_in_s=round(pause, 2))
                    await self._clock.sleep(pause)
                    delay = min(delay * 2, RECONNECT_MAX_S)
        finally:
            await self.close()

    async def close(self) -> None:
        """Disconnect; idempotent."""
        await self._abandon_connection()
        self._enter(AmiState.CLOSED)

    # -- private

    async def _stay_alive(self) -> None:
        """Ping while connected; raises `TelephonyFault` when the connection is lost or does not answer."""
        while not self._lost.is_set():
            try:
                async with asyncio.timeout(self._limits.ping_every_s):
                    await self._lost.wait()
            except TimeoutError:
                try:
                    await self.send_action(ami_action.ping())
                except TelephonyFault:
                    await self._abandon_connection()
                    raise
        raise TelephonyFault(self.last_error or "Asterisk closed the connection.")

    async def _wait_until_booted(self) -> None:
        if await _first_of(self._booted, self._lost, timeout=self._limits.boot_s) is None:
            log.warning("ami.not_booted", hint="Asterisk is still starting, or the AMI user lacks read = system")
        if self._lost.is_set():
            raise TelephonyFault(self.last_error or "Asterisk closed the connection after the login.")

    async def _open_connection(self) -> None:
        connected = asyncio.Event()
        self._booted = asyncio.Event()
        self._lost = lost = asyncio.Event()
        self._connection = AmiConnection(
            self.address.host,
            self.address.port,
            loop=asyncio.get_running_loop(),
            on_connected=connected.set,
            on_packet=self._receive_packet,
            on_lost=lambda error: self._receive_loss(lost, error),
            on_overflow=self._receive_overflow,
            capacity=self._limits.queue_capacity,
        )
        self._connection.connect()
        arrived = await _first_of(connected, lost, timeout=CONNECT_TIMEOUT_S * 2)
        if arrived is not connected:
            raise TelephonyFault(self.last_error or "Asterisk's manager interface does not greet.")

    async def _abandon_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._dropped_before += connection.dropped
        connection.disconnect()
        await asyncio.to_thread(connection.join)
        self._lose("The connection was closed.")

    async def _exchange(
        self, action: AmiAction, timeout: float, *, is_list: bool
    ) -> tuple[AmiResponse, list[AmiEvent]]:
        if self._connection is None:
            raise AmiNotConnected("There is no connection to Asterisk.")
        if self._pending.full:
            raise AmiNotConnected("Asterisk leaves too many actions unanswered.")
        action_id = action.action_id or self._next_action_id()
        pending = self._pending.add(action_id, is_list=is_list)
        try:
            async with asyncio.timeout(timeout):
                self._connection.send(action.encode(action_id))
                response = await pending.response
                if pending.listing is None or not response.ok:
                    return response, []
                return response, await pending.listing
        except TimeoutError as error:
            raise TelephonyFault(f"Asterisk did not answer {action.name} within {timeout:g} s.") from error
        finally:
            self._pending.discard(action_id, pending)

    def _next_action_id(self) -> str:
        self._action_count += 1
        return f"od-{self._action_count}"

    def _receive_packet(self, packet: AmiPacket) -> None:
        answers_us = self._pending.receive(packet)
        if isinstance(packet, AmiResponse):
            return
        self.events_seen += 1
        if packet.name == "FullyBooted":
            self._booted.set()
        if not answers_us:
            self._listeners.dispatch(packet)

    def _receive_overflow(self, dropped: int) -> None:
        log.error("ami.events_lost", dropped=dropped, effect="calls are compared with the switch")
        if self.ready:  # otherwise the login that follows asks for everything anyway
            _call_all(self._on_events_lost)

    def _receive_loss(self, lost: asyncio.Event, error: Exception | None) -> None:
        lost.set()
        if lost is self._lost:
            self._lose(f"The connection to Asterisk ended: {error}" if error else "Asterisk closed the connection.")

    def _lose(self, reason: str) -> None:
        """The connection is gone: whoever waits learns it now."""
        self._lost.set()
        self._pending.fail_all(reason)
        was_ready = self.ready
        if self.state in (AmiState.READY, AmiState.CONNECTING):
            self._enter(AmiState.DISCONNECTED, reason)
        if was_ready:
            _call_all(self._on_disconnected)

    def _enter(self, state: AmiState, error: str | None = None) -> None:
        if state != self.state:
            log.info("ami.state", old=self.state.value, new=state.value, error=error)
            self._since = self._clock.now()
        self.state = state
        self.last_error = error


async def _first_of(*events: asyncio.Event, timeout: float) -> asyncio.Event | None:
    """The first of `events` that is set, None after `timeout` seconds."""
    waits = {asyncio.create_task(event.wait(), name="ami:connect"): event for event in events}
    try:
        done, _ = await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return next((event for task, event in waits.items() if task in done), None)
    finally:
        for task in waits:
            task.cancel()


def _register(callbacks: list[Callable[[], None]], callback: Callable[[], None]) -> Remove:
    callbacks.append(callback)
    return lambda: callbacks.remove(callback) if callback in callbacks else None


def _call_all(callbacks: list[Callable[[], None]]) -> None:
    for callback in tuple(callbacks):
        try:
            callback()
        except Exception:  # boundary: one listener
            log.exception("ami.listener_failed")
