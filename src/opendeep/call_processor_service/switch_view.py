"""What the switch itself says: which channels exist now. One listing serves all who ask at the same time."""

import asyncio
from collections.abc import Mapping
from uuid import UUID

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.ami_packets import AmiEvent
from opendeep.call_processor_service.asterisk_ami_client import AsteriskAmiClient


class SwitchView:
    """Asks `CoreShowChannels`; calls that wait for an answer share it."""

    def __init__(self, ami: AsteriskAmiClient) -> None:
        self._ami = ami
        self._listing: asyncio.Task[Mapping[str, AmiEvent]] | None = None

    async def channels(self) -> Mapping[str, AmiEvent]:
        """The live channels by `Uniqueid`. Raises `TelephonyFault` when Asterisk cannot be asked."""
        if self._listing is None or self._listing.done():
            self._listing = asyncio.create_task(self._list(), name="ami:list-channels")
            self._listing.add_done_callback(_retrieve)
        return await asyncio.shield(self._listing)

    async def channel_of(self, call_id: UUID) -> AmiEvent | None:
        """The call's own channel. Raises `TelephonyFault` when Asterisk cannot be asked."""
        return (await self.channels()).get(str(call_id))

    async def hang_up(self, channel: str) -> bool:
        """Ask for the end of a channel; False when Asterisk does not know it. Raises `TelephonyFault`."""
        response = await self._ami.send_action(ami_action.hangup(channel))
        return response.ok

    def close(self) -> None:
        """Stop asking; whoever still waits is cancelled."""
        if self._listing is not None:
            self._listing.cancel()

    async def _list(self) -> Mapping[str, AmiEvent]:
        events = await self._ami.send_list_action(ami_action.core_show_channels())
        return {event.get("Uniqueid"): event for event in events if event.name == "CoreShowChannel"}


def _retrieve(listing: asyncio.Task[Mapping[str, AmiEvent]]) -> None:
    """Whoever asked may have gone meanwhile; the failure has then nobody to go to."""
    if not listing.cancelled():
        listing.exception()
