"""One AMI connection in its own OS thread: `asterisk.ami.AMIClient` with its traps closed.

Owns the socket, the reading thread and the crossing into the event loop through a bounded queue. Login, deadlines,
matching of responses and reconnecting live in `asterisk_ami_client`.

Closed here, all read in asterisk-ami 0.1.7 and measured: its `timeout` is also the socket's receive time-out (3 s
without an event end the listener); `send` may write partially; a wrong banner or an early end raises in the thread;
`disconnect` from the listening thread joins itself; events and responses are cut with `splitlines`; unanswered
`FutureResponse`s are kept for ever and wake through `notifyAll` (deprecated).
"""

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable

import structlog
from asterisk.ami import AMIClient

from opendeep.call_processor_service.ami_packets import AmiEvent, AmiPacket, AmiReader, AmiResponse
from opendeep.common.errors import TelephonyFault

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 5.0
JOIN_TIMEOUT_S = 2.0
RECEIVE_BYTES = 64 * 1024
QUEUE_CAPACITY = 20_000  # events; about 0.4 s of the fastest stream measured
DRAIN_BATCH = 250  # packets per turn of the event loop, so that live audio keeps its 20 ms


class AmiConnection(AMIClient):  # type: ignore[misc]  # the library has no types
    """Connects in its thread, then hands every packet to `on_packet` in the event loop, in order.

    `on_connected()` follows the banner; `on_lost(error)` comes exactly once, in the loop, after the last packet. When
    the loop is too slow for `capacity` events, the newest event is dropped and counted in `dropped`; packets that
    answer an action of ours (they carry an `ActionID`) are never dropped: there are no more of them than we asked for.
    `on_overflow(dropped)` comes, in the loop, each time the queue has run empty again after events were dropped.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        loop: asyncio.AbstractEventLoop,
        on_connected: Callable[[], None],
        on_packet: Callable[[AmiPacket], None],
        on_lost: Callable[[Exception | None], None],
        on_overflow: Callable[[int], None],
        capacity: int = QUEUE_CAPACITY,
    ) -> None:
        super().__init__(address=host, port=port, timeout=None, buffer_size=RECEIVE_BYTES)
        self.dropped = 0
        self.finished = threading.Event()
        self._loop = loop
        self._on_connected = on_connected
        self._on_packet = on_packet
        self._on_lost = on_lost
        self._on_overflow = on_overflow
        self._dropped_told = 0
        self._capacity = capacity
        self._queue: deque[AmiPacket] = deque()
        self._draining = False
        self._sending = threading.Lock()
        self.add_listener(on_event=self._enqueue_event, on_response=self._enqueue_response)

    # -- called in the event loop

    def connect(self) -> None:
        """Start the thread; the outcome comes as `on_connected` or `on_lost`."""
        name = f"ami:{self._address}:{self._port}"
        self._thread = threading.Thread(target=self.listen, name=name, daemon=True)
        self._thread.start()

    def send(self, pack: bytes) -> None:
        """Write one whole action without blocking. Raises `TelephonyFault` when the connection cannot take it.

        An action is far smaller than the kernel's send buffer: where it does not fit, Asterisk has stopped reading.
        """
        connected = self._socket
        if connected is None or self.finished.is_set():
            raise TelephonyFault("The connection to Asterisk's manager interface is closed.")
        try:
            with self._sending:
                written = connected.send(pack, socket.MSG_DONTWAIT)
        except OSError as error:
            self.disconnect()
            raise TelephonyFault(f"Asterisk cannot be reached: {error}") from error
        if written != len(pack):  # half an action is on the wire: this connection is of no more use
            self.disconnect()
            raise TelephonyFault("Asterisk has stopped reading from its manager interface.")

    def disconnect(self) -> None:
        """Close; idempotent, from any thread. The reading thread ends at once and reports `on_lost`."""
        self.finished.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        """Wait for the reading thread; blocks up to `JOIN_TIMEOUT_S`. Never from that thread itself."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(JOIN_TIMEOUT_S)

    # -- the reading thread

    def listen(self) -> None:
        """Connect and read until the end; every failure becomes `on_lost`."""
        error: Exception | None = None
        try:
            self._socket = self._open()
            self._read_packets()
        except (OSError, TelephonyFault) as failure:
            error = failure
        except Exception as bug:  # boundary: this thread must report its end, whatever it was
            log.exception("ami.thread_failed")
            error = bug
        finally:
            self.finished.set()
            if self._socket is not None:
                self._socket.close()
        self._in_loop(self._finish, error)

    def _open(self) -> socket.socket:
        connected = socket.create_connection((self._address, self._port), CONNECT_TIMEOUT_S)
        connected.settimeout(None)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return connected

    def _read_packets(self) -> None:
        reader = AmiReader()
        greeted = False
        while not self.finished.is_set():
            data = self._socket.recv(self._buffer_size)
            if not data:
                return
            for packet in reader.receive_data(data):
                self.fire_recv_pack(packet)
            if not greeted and reader.banner is not None:
                greeted = True
                self._in_loop(self._on_connected)

    def fire_recv_pack(self, pack: AmiPacket) -> None:
        """The library's dispatch, fed with packets that `ami_packets` has read."""
        if isinstance(pack, AmiResponse):
            self._fire_on_response(response=pack)
        else:
            self._fire_on_event(event=pack)

    def _enqueue_response(self, source: object, response: AmiResponse) -> None:
        self._enqueue(response)

    def _enqueue_event(self, source: object, event: AmiEvent) -> None:
        if len(self._queue) >= self._capacity and "ActionID" not in event.headers:
            self.dropped += 1
            return
        self._enqueue(event)

    def _enqueue(self, packet: AmiPacket) -> None:
        self._queue.append(packet)
        if not self._draining:
            self._draining = True
            self._in_loop(self._drain)

    def _in_loop(self, callback: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody is left to tell
            self._loop.call_soon_threadsafe(callback, *arguments)

    # -- crossed over into the event loop

    def _drain(self) -> None:
        self._draining = False  # before looking, so that a packet appended meanwhile schedules another turn
        dropped = self.dropped  # before looking, too: what is dropped from now on is newer than what may yet be queued
        for _ in range(DRAIN_BATCH):
            if not self._queue:
                self._tell_overflow(dropped)
                return
            self._on_packet(self._queue.popleft())
        if not self._draining:
            self._draining = True
            self._loop.call_soon(self._drain)

    def _tell_overflow(self, dropped: int) -> None:
        """Only when everything older is delivered: whoever then asks the switch gets an answer that nothing older
        follows."""
        if (fresh := dropped - self._dropped_told) > 0:
            self._dropped_told += fresh
            self._on_overflow(fresh)

    def _finish(self, error: Exception | None) -> None:
        while self._queue:
            self._on_packet(self._queue.popleft())
        self._on_lost(error)
