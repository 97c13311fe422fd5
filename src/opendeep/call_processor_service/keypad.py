"""Keypad digits into a live call: paced through `PlayDTMF`, confirmed digit by digit, one request after the other.

Owns pacing and the bounded queue of requests. Who asked and how the answer travels back lives in the handler.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.asterisk_ami_client import AsteriskAmiClient
from opendeep.common.clock import Clock
from opendeep.common.errors import TelephonyFault, TelephonyMisuse

MAX_DIGITS = 32
MAX_WAITING = 8  # requests; more are refused
TONE_MS = 120
GAP_S = 0.25  # from tone to tone; menus want at least 40 ms of silence between two


@dataclass(frozen=True, slots=True)
class KeypadRequest:
    digits: str
    request_id: str


# (request, None) when all digits were sent, (request, sentence) when they were not.
Report = Callable[[KeypadRequest, str | None], Awaitable[None]]


class Keypad:
    """One per live call. `press` never waits; `run()` sends and reports."""

    def __init__(self, ami: AsteriskAmiClient, channel: str, clock: Clock, report: Report) -> None:
        self._ami = ami
        self._channel = channel
        self._clock = clock
        self._report = report
        self._requests: asyncio.Queue[KeypadRequest] = asyncio.Queue(MAX_WAITING)

    async def press(self, request: KeypadRequest) -> None:
        """Queue the digits; what cannot be sent is reported at once."""
        if not 0 < len(request.digits) <= MAX_DIGITS:
            await self._report(request, f"Send 1 to {MAX_DIGITS} keypad digits at a time.")
            return
        try:
            self._requests.put_nowait(request)
        except asyncio.QueueFull:
            await self._report(request, "Too many keypad digits are waiting to be sent.")

    async def run(self) -> None:
        """Send what is queued; returns only when cancelled."""
        while True:
            request = await self._requests.get()
            await self._report(request, await self._send(request.digits))

    async def _send(self, digits: str) -> str | None:
        try:
            actions = [ami_action.play_dtmf(self._channel, digit, TONE_MS) for digit in digits]
            for position, action in enumerate(actions):
                if position:
                    await self._clock.sleep(GAP_S)
                response = await self._ami.send_action(action)
                if not response.ok:
                    return f"Asterisk did not send digit {position + 1}: {response.message}"
        except (TelephonyFault, TelephonyMisuse) as error:
            return str(error)
        return None
