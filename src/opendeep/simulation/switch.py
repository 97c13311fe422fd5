"""The simulated switch as one object: manager port, calls, callees and clock, started and stopped together.

Owns lifetimes and the public door of this package; everything else lives in its own module.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

import structlog

from opendeep.simulation.ami_server import AmiAccount, AmiServer
from opendeep.simulation.attached_callee import AttachedCallee
from opendeep.simulation.callee_loader import shipped_callees
from opendeep.simulation.callee_schema import Callee
from opendeep.simulation.directory import ATTACHED_EXTENSION, Directory
from opendeep.simulation.exchange import Exchange
from opendeep.simulation.simulated_call import CallContext, CallSnapshot
from opendeep.simulation.speech_seam import CalleeMind, LineRecognizer, LineSynthesizer
from opendeep.simulation.talking_callee import Engines
from opendeep.simulation.ticker import PacingTicker, Ticker

log = structlog.get_logger(__name__)

SILENCE_LIMIT_MS = 2000


class SimulatedSwitch:
    """A telephone switch that speaks AMI and connects to AudioSocket like Asterisk 22.

    `callees`: who can be called (None: those shipped); `default_callee`: who has every other number (None: nobody,
    404). `mind`: the language model that plays callees who improvise (None: nobody does). `trunks`: names that
    `PJSIP/number@trunk` may use (None: any). `time_scale` stretches ringing only. `event_classes`: what the manager
    user may read (None: call, dtmf, system, reporting, dialplan; the configuration that the project ships leaves
    dialplan, and with it `VarSet`, out).
    `shuffle_seed` mixes the orders of events that the real switch does not promise. `record_dir` keeps stereo WAVs.
    `on_ended` is told of every call as it was at its end: what a judge reads of the callee's side.
    """

    def __init__(
        self,
        *,
        synthesizer: LineSynthesizer,
        recognizer: LineRecognizer,
        mind: CalleeMind | None = None,
        username: str,
        secret: str,
        host: str = "127.0.0.1",
        ami_port: int = 0,
        callees: Iterable[Callee] | None = None,
        default_callee: Callee | None = None,
        trunks: frozenset[str] | None = None,
        event_classes: frozenset[str] | None = None,
        time_scale: float = 1.0,
        silence_limit_ms: int = SILENCE_LIMIT_MS,
        shuffle_seed: int | None = None,
        record_dir: Path | None = None,
        on_ended: Callable[[CallSnapshot], None] | None = None,
        ticker: Ticker | None = None,
    ) -> None:
        self._host = host
        self._ami_port = ami_port
        self._ticker = ticker or PacingTicker()
        self._directory = Directory(shipped_callees() if callees is None else callees, default_callee)
        order = random.Random(shuffle_seed) if shuffle_seed is not None else None  # noqa: S311 (not for secrets)
        context = CallContext(self._broadcast, order, silence_limit_ms, time_scale, record_dir, on_ended)
        engines = Engines(synthesizer, recognizer, mind)
        self._exchange = Exchange(self._directory, engines, context, trunks)
        account = AmiAccount(username, secret)
        if event_classes is not None:
            account = AmiAccount(username, secret, event_classes)
        self._ami = AmiServer(self._exchange, account)
        self._running = False

    @property
    def ami_address(self) -> tuple[str, int]:
        """Host and port of the manager. Raises RuntimeError before `start`."""
        return self._ami.address

    async def start(self) -> None:
        """Open the manager port and start the clock. Raises OSError when the port is taken."""
        if self._running:
            return
        await self._ami.start(self._host, self._ami_port)
        self._ticker.start(self._exchange.tick)
        self._running = True
        log.info("simulated_switch_started", host=self.ami_address[0], port=self.ami_address[1])

    async def stop(self) -> None:
        """End every call without a word, as a switch that loses power does, and close the port. Idempotent."""
        if not self._running:
            return
        self._running = False
        self._ticker.stop()
        self._exchange.stop()
        await self._ami.stop()
        log.info("simulated_switch_stopped")

    async def __aenter__(self) -> SimulatedSwitch:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def attach(self, phone: AttachedCallee, number: str = ATTACHED_EXTENSION) -> None:
        """Let a phone answer `number` from the next call on."""
        self._directory.attach(number, phone)

    def detach(self, phone: AttachedCallee, number: str = ATTACHED_EXTENSION) -> None:
        """Take the phone away, unless another one has replaced it. A call in progress goes on."""
        self._directory.detach(number, phone)

    def calls(self) -> tuple[CallSnapshot, ...]:
        """Return the live calls as they are now."""
        return self._exchange.snapshots()

    def forget_attempts(self) -> None:
        """Begin every callee's list of attempts anew."""
        self._directory.forget_attempts()

    def _broadcast(self, packet: list[tuple[str, object]]) -> None:
        self._ami.broadcast(packet)
