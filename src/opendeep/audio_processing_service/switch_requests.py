"""What one live call asks of the telephony side over the call's channel, and the confirmations by the request's id."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opendeep.audio_processing_service.tool_ground import Output, failed
from opendeep.common.ids import new_id
from opendeep.common.redis_client import Doorbell


class SwitchRequests:
    """One per call."""

    def __init__(self, bell: Doorbell, channel: str) -> None:
        self._bell = bell
        self._channel = channel
        self._waiting: dict[str, asyncio.Future[Output]] = {}

    async def ask(self, kind: str, within_s: float, what: str, **data: Any) -> Output:
        """Ask, and wait for the confirmation."""
        with self.asked() as (request_id, done):
            await self.ring(kind, request_id, **data)
            return await confirmed(done, within_s, what)

    @contextmanager
    def asked(self) -> Iterator[tuple[str, asyncio.Future[Output]]]:
        """The id of a request, and its confirmation, which counts until the end of the block."""
        request_id = str(new_id())
        done: asyncio.Future[Output] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = done
        try:
            yield request_id, done
        finally:
            del self._waiting[request_id]

    async def ring(self, kind: str, request_id: str, **data: Any) -> None:
        await self._bell.ring(self._channel, {"type": kind, "request_id": request_id, **data})

    def receive(self, data: Mapping[str, Any]) -> None:
        """A message of the call's channel that may confirm something."""
        match data.get("type"):
            case "dtmf_sent":
                self._settle(data, {"status": "sent"})
            case "transferred":
                self._settle(data, {"status": "transferred"})
            case "dtmf_failed" | "transfer_failed":
                self._settle(data, failed(str(data.get("detail") or "not done")[:300]))

    def _settle(self, data: Mapping[str, Any], output: Output) -> None:
        waiting = self._waiting.get(str(data.get("request_id")))
        if waiting is not None and not waiting.done():
            waiting.set_result(output)


async def confirmed(done: asyncio.Future[Output], within_s: float, what: str) -> Output:
    """The confirmation, or that there was none in time."""
    try:
        async with asyncio.timeout(within_s):
            return await done
    except TimeoutError:
        return failed(f"The telephone switch did not confirm {what} in time.")
