"""Who wants to hear of which event: by name, by channel, or of all.

Owns the registry and the dispatch in O(1) by the ids that an event carries. It knows nothing of sockets or calls.
"""

from collections.abc import Callable

import structlog

from opendeep.call_processor_service.ami_packets import AmiEvent

log = structlog.get_logger(__name__)

EventCallback = Callable[[AmiEvent], None]
Remove = Callable[[], None]

CHANNEL_HEADERS = ("ActionID", "Uniqueid", "Linkedid", "DestUniqueid", "DestLinkedid")


class EventListeners:
    """Callbacks run in the event loop, in order of arrival; one that raises is logged and does not hurt the others."""

    def __init__(self) -> None:
        self._generic: list[EventCallback] = []
        self._by_name: dict[str, list[EventCallback]] = {}
        self._by_channel: dict[str, list[EventCallback]] = {}

    def add_named(self, name: str, callback: EventCallback) -> Remove:
        return _add(self._by_name, name, callback)

    def add_generic(self, callback: EventCallback) -> Remove:
        self._generic.append(callback)
        return lambda: self._generic.remove(callback) if callback in self._generic else None

    def add_channel(self, channel_id: str, callback: EventCallback) -> Remove:
        """Events whose ActionID, Uniqueid or Linkedid (also of the dialled leg) is `channel_id`, each once."""
        return _add(self._by_channel, channel_id, callback)

    def dispatch(self, event: AmiEvent) -> None:
        for callback in self._wanted_by(event):
            try:
                callback(event)
            except Exception:  # boundary: one listener
                log.exception("ami.listener_failed", ami_event=event.name)

    def _wanted_by(self, event: AmiEvent) -> list[EventCallback]:
        wanted = [*self._generic, *self._by_name.get(event.name, ())]
        if self._by_channel:
            ids = {event.headers[header] for header in CHANNEL_HEADERS if header in event.headers}
            for channel_id in ids:
                wanted += self._by_channel.get(channel_id, ())
        return wanted


def _add(registry: dict[str, list[EventCallback]], key: str, callback: EventCallback) -> Remove:
    registry.setdefault(key, []).append(callback)

    def remove() -> None:
        callbacks = registry.get(key, [])
        if callback in callbacks:
            callbacks.remove(callback)
        if not callbacks:
            registry.pop(key, None)

    return remove
