"""What the switch itself says: which channels exist now. One listing serves all who ask at the same time."""

import asyncio
from collections.abc import Mapping
from uuid import UUID

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.ami_packets import AmiEvent
from opendeep.call_processor_service.asterisk_ami_client import AsteriskAmiClient


class SwitchView:
    """Asks `CoreShowChannels`. Whoever asks before a listing has begun shares it.

    One that had begun before the question may miss a channel that exists by now; then the next one is the answer.
    """

    def __init__(self, ami: AsteriskAmiClient) -> None:
        self._ami = ami
        self._running: asyncio.Task[Mapping[str, AmiEvent]] | None = None
        self._next: asyncio.Task[Mapping[str, AmiEvent]] | None = None

    async def channels(self) -> Mapping[str, AmiEvent]:
        """The live channels by `Uniqueid`. Raises `TelephonyFault` when Asterisk cannot be asked."""
        if self._next is None:
            self._next = asyncio.create_task(self._list_after(self._running), name="ami:list-channels")
            self._next.add_done_callback(_retrieve)
        return await asyncio.shield(self._next)

    async def channel_of(self, call_id: UUID) -> AmiEvent | None:
        """The call's own channel. Raises `TelephonyFault` when Asterisk cannot be asked."""
        return (await self.channels()).get(str(call_id))

    async def hang_up(self, channel: str) -> bool:
        """Ask for the end of a channel; False when Asterisk does not know it. Raises `TelephonyFault`."""
        response = await self._ami.send_action(ami_action.hangup(channel))
        return response.ok

    def close(self) -> None:
        """Stop asking; whoever still waits is cancelled."""
        for listing in (self._running, self._next):
            if listing is not None:
                listing.cancel()

    async def _list_after(self, earlier: asyncio.Task[Mapping[str, AmiEvent]] | None) -> Mapping[str, AmiEvent]:
        if earlier is not None:
            await asyncio.wait({earlier})
        self._running, self._next = self._next, None
        return await self._list()

    async def _list(self) -> Mapping[str, AmiEvent]:
        events = await self._ami.send_list_action(ami_action.core_show_channels())
        return {event.get("Uniqueid"): event for event in events if event.name == "CoreShowChannel"}


def _retrieve(listing: asyncio.Task[Mapping[str, AmiEvent]]) -> None:
    """Whoever asked may have gone meanwhile; the failure has then nobody to go to."""
    if not listing.cancelled():
        listing.exception()
