"""Names, ids and errors of the Realtime protocol.

Owns the making of server events (every one gets a fresh `event_id`) and the error that a client's mistake becomes.
No state of a session lives here, except the counter behind the ids.
"""

from __future__ import annotations

import itertools
from typing import Any, Final

Event = dict[str, Any]

INVALID_REQUEST: Final = "invalid_request_error"


class ClientMistake(Exception):
    """A client event that cannot be honoured; becomes an `error` event, the session goes on.

    `code` and `param` follow the vendor's error object ("invalid_value", "session.audio.input.format" …).
    """

    def __init__(self, code: str, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param


class Ids:
    """Unique ids of one session: a random stem, then a count, so that a log can be read in order."""

    def __init__(self, stem: str) -> None:
        self._stem = stem
        self._count = itertools.count(1)

    def new(self, prefix: str) -> str:
        """A fresh id such as `item_4fa1c09b_000012`; at most 32 characters for the prefixes used here."""
        return f"{prefix}_{self._stem}_{next(self._count):06d}"

    def event(self, kind: str, **fields: Any) -> Event:
        """A server event of type `kind` with a fresh `event_id`."""
        return {"type": kind, "event_id": self.new("event"), **fields}

    def error(self, mistake: ClientMistake, client_event_id: str | None) -> Event:
        """The `error` event for a client's mistake, echoing the client's own `event_id`."""
        return self.event(
            "error",
            error={
                "type": INVALID_REQUEST,
                "code": mistake.code,
                "message": mistake.message,
                "param": mistake.param,
                "event_id": client_event_id,
            },
        )


def field(event: Event, name: str, kind: type, *, default: Any = ..., param: str | None = None) -> Any:
    """`event[name]`, checked to be a `kind`. Raises ClientMistake when it is missing (no default) or another type."""
    value = event.get(name)
    if value is None:
        if default is not ...:
            return default
        raise ClientMistake(
            "missing_required_parameter", f"Missing required parameter: '{param or name}'.", param=param or name
        )
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ClientMistake(
            "invalid_type", f"Invalid type for '{param or name}': expected {kind.__name__}.", param=param or name
        )
    return value
