"""The telephone world of a rehearsal: where the callees live, how the product reaches them, what was witnessed.

Owns the contract and the simulated world; callees behind a real Asterisk live in `asterisk_world`. In both worlds the
product's dial strings lead to callees of this process and nowhere else.
"""

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from opendeep.common.data_models import Call
from opendeep.config.app_config import AppConfig
from opendeep.embedded import callee_mind
from opendeep.offline.speech import SpeechEngines
from opendeep.simulation import Callee, CallSnapshot, SimulatedSwitch
from opendeep.simulation.ticker import PacingTicker

RECOGNISERS: Final = 1  # worker processes for all callees


class World(Protocol):
    """Callees that can be called. `settings` point the product to them, by the names of its environment."""

    @property
    def settings(self) -> Mapping[str, str]: ...

    def witness(self, call: Call) -> CallSnapshot | None:
        """What the callee's side says of a call that has ended, None while it has not come to it."""
        ...

    def recording(self, call: Call) -> Path | None:
        """The stereo recording of the callee's side (left: what it heard, right: what it said), if there is one."""
        ...

    def live_calls(self) -> Sequence[str]:
        """Numbers that are being called right now."""
        ...

    def late_ticks(self) -> int:
        """Steps of 20 ms that this machine was too busy to make; what was heard then proves nothing."""
        ...


@dataclass(slots=True)
class SimulatedWorld:
    """Callees on the simulated switch, which the product takes for an Asterisk."""

    settings: Mapping[str, str]
    record_dir: Path
    live: Callable[[], Sequence[CallSnapshot]]
    ticker: PacingTicker
    ended: dict[str, CallSnapshot] = field(default_factory=dict)

    def witness(self, call: Call) -> CallSnapshot | None:
        return self.ended.get(str(call.id))

    def recording(self, call: Call) -> Path | None:
        path = self.record_dir / f"{call.id}.wav"
        return path if path.exists() else None

    def live_calls(self) -> Sequence[str]:
        return [call.number for call in self.live()]

    def late_ticks(self) -> int:
        return self.ticker.skipped_ticks


@contextlib.asynccontextmanager
async def simulated_world(
    callees: Sequence[Callee], folder: Path, config: AppConfig, seed: int | None
) -> AsyncIterator[World]:
    """Open the switch with these callees; it closes with the context. Recordings go to `folder`.

    With a `seed` it mixes the orders of events that a real switch does not promise.
    """
    async with contextlib.AsyncExitStack() as stack:
        engines = await stack.enter_async_context(SpeechEngines(workers=RECOGNISERS))
        username, secret = "rehearsal", secrets.token_hex(16)
        ended: dict[str, CallSnapshot] = {}
        ticker = PacingTicker()

        def remember(call: CallSnapshot) -> None:
            ended[call.call_id] = call

        switch = SimulatedSwitch(
            synthesizer=engines.synthesizer,
            recognizer=engines.recognizer,
            mind=await callee_mind(config, stack),
            callees=callees,
            username=username,
            secret=secret,
            record_dir=folder,
            on_ended=remember,
            shuffle_seed=seed,
            ticker=ticker,
        )
        await stack.enter_async_context(switch)
        host, port = switch.ami_address
        settings = {
            "ASTERISK_AMI_HOST": host,
            "ASTERISK_AMI_PORT": str(port),
            "ASTERISK_AMI_USERNAME": username,
            "ASTERISK_AMI_SECRET": secret,
        }
        yield SimulatedWorld(settings, folder, switch.calls, ticker, ended)
