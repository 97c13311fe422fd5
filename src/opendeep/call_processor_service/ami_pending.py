"""Actions that wait for Asterisk: each for its response, then for the end of its list where it is one.

Owns the matching by `ActionID` and the collecting of lists. Deadlines and the wire are `asterisk_ami_client`'s. A list
is whole or it is an error: whoever compares calls with a list that lacks a channel would take that call for ended.
"""

import asyncio
from dataclasses import dataclass, field

from opendeep.call_processor_service.ami_packets import AmiEvent, AmiPacket, AmiResponse
from opendeep.common.errors import TelephonyFault

MAX_PENDING_ACTIONS = 1_000  # more unanswered actions are refused
MAX_LIST_EVENTS = 100_000  # a longer list fails as a whole


@dataclass(slots=True)
class PendingAction:
    """`listing` is None for an action that is answered by its response alone."""

    response: asyncio.Future[AmiResponse]
    listing: asyncio.Future[list[AmiEvent]] | None
    items: list[AmiEvent] = field(default_factory=list)


class PendingActions:
    """By `ActionID`, which the client makes unique. Bounded; `full` says when no more may be sent."""

    def __init__(self, max_list_events: int = MAX_LIST_EVENTS) -> None:
        self._max_list_events = max_list_events
        self._waiting: dict[str, PendingAction] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        return len(self._waiting) >= MAX_PENDING_ACTIONS

    def add(self, action_id: str, *, is_list: bool) -> PendingAction:
        loop = asyncio.get_running_loop()
        pending = PendingAction(loop.create_future(), loop.create_future() if is_list else None)
        self._waiting[action_id] = pending
        return pending

    def discard(self, action_id: str, pending: PendingAction) -> None:
        """Nobody waits any more. What still comes for it belongs to nobody."""
        if self._waiting.get(action_id) is pending:
            del self._waiting[action_id]

    def receive(self, packet: AmiPacket) -> bool:
        """Hand a packet to the action it answers; False when it answers none of ours."""
        pending = self._waiting.get(packet.headers.get("ActionID", ""))
        if isinstance(packet, AmiResponse):
            if pending is not None and not pending.response.done():
                pending.response.set_result(packet)
            return True
        if pending is None or pending.listing is None:
            return False
        _receive_list_event(pending, pending.listing, packet, self._max_list_events)
        return True

    def fail_all(self, reason: str) -> None:
        """The connection is gone: whoever waits learns it now."""
        waiting, self._waiting = list(self._waiting.values()), {}
        for pending in waiting:
            if not pending.response.done():
                pending.response.set_exception(TelephonyFault(f"{reason} No response came."))
            elif pending.listing is not None and not pending.listing.done():
                pending.listing.set_exception(TelephonyFault(f"{reason} The list is not complete."))


def _receive_list_event(
    pending: PendingAction, listing: asyncio.Future[list[AmiEvent]], event: AmiEvent, at_most: int
) -> None:
    if listing.done():
        return
    if event.get("EventList").lower() == "complete" or event.name.endswith("Complete"):
        announced = event.get("ListItems")
        if announced.isdecimal() and int(announced) > len(pending.items):
            listing.set_exception(
                TelephonyFault(f"Asterisk announced {announced} list entries, {len(pending.items)} came.")
            )
        else:
            listing.set_result(pending.items)
    elif len(pending.items) < at_most:
        pending.items.append(event)
    else:
        listing.set_exception(TelephonyFault(f"Asterisk's list has more than {at_most:,} entries."))
