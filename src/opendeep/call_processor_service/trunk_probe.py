"""Asks Asterisk whether it has the endpoints that the trunks dial; a missing one opens its breaker at once.

`Getvar` of the dialplan function `DEVICE_STATE(PJSIP/name)` needs no more rights than the calls do. `INVALID` is what
`chan_pjsip` answers for an endpoint that does not exist (`chan_pjsip_devicestate`); every other word says that it does.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from opendeep.call_processor_service import circuit_breaker
from opendeep.call_processor_service.ami_action import AmiAction
from opendeep.call_processor_service.asterisk_ami_client import AsteriskAmiClient
from opendeep.call_processor_service.line_records import change_breaker
from opendeep.common.errors import TelephonyFault
from opendeep.common.trunk_values import Breaker, BreakerState, TrunkState
from opendeep.config.trunk_config import Trunk
from opendeep.database.db_manager import DatabaseManager, Transaction

log = structlog.get_logger(__name__)

MISSING_STATE: Final = "INVALID"


def missing_sentence(endpoint: str) -> str:
    return f"Asterisk has no endpoint “{endpoint}”; add it to pjsip.conf or correct the trunk's channel"


class TrunkProbe:
    """`every_s`: seconds between two checks; a missing endpoint keeps its trunk shut for longer than that."""

    def __init__(self, ami: AsteriskAmiClient, db: DatabaseManager, trunks: Sequence[Trunk], every_s: float) -> None:
        self._ami = ami
        self._db = db
        self._endpoints = {trunk.name: trunk.endpoint for trunk in trunks if trunk.endpoint is not None}
        self._every_s = every_s

    async def check(self) -> None:
        """Open the breakers of trunks without an endpoint, close those whose endpoint has come.

        A switch that does not answer, or does not know the question, changes nothing. Raises `DatabaseUnavailable`.
        """
        found: dict[str, bool] = {}
        for name, endpoint in self._endpoints.items():
            try:
                state = await self._device_state(endpoint)
            except TelephonyFault as error:
                log.debug("trunk.not_asked", trunk=name, error=str(error))
                return
            if state:
                found[name] = state != MISSING_STATE
        if not found:
            return
        async with self._db.read() as work:
            states = await work.trunks.states()
        wrong = [name for name, there in found.items() if self._after(states.get(name, TrunkState(name)), there)]
        if wrong:
            async with self._db.transaction() as work:
                held = await work.trunks.hold(wrong)
                for name in wrong:
                    await self._apply(work, held[name], found[name])

    async def _device_state(self, endpoint: str) -> str:
        variable = f"DEVICE_STATE(PJSIP/{endpoint})"  # the name's characters were checked with the trunk's template
        response = await self._ami.send_action(AmiAction("Getvar", (("Variable", variable),)))
        return response.headers.get("Value", "").strip().upper() if response.ok else ""

    def _after(self, state: TrunkState, there: bool) -> bool:
        """Whether what was found differs from what the breaker says."""
        known_missing = state.breaker.reason == missing_sentence(self._endpoints[state.name])
        shut = known_missing and state.breaker.state is BreakerState.OPEN
        return shut if there else True

    async def _apply(self, work: Transaction, state: TrunkState, there: bool) -> None:
        if there:
            await change_breaker(work, state, Breaker())
            return
        reason = missing_sentence(self._endpoints[state.name])
        until = work.now + timedelta(seconds=max(circuit_breaker.WAIT_FIRST_S, 2 * self._every_s))
        openings = max(1, state.breaker.openings)
        shut = Breaker(BreakerState.OPEN, state.breaker.recent, openings, reason, until)
        await change_breaker(work, state, shut)
