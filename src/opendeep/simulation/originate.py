"""What an `Originate` asks for, taken from its headers as `action_originate` and `pbx_outgoing_attempt` do.

Owns parsing and Asterisk's own error texts; what then happens lives in `exchange`. Pure.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from opendeep.simulation.ami_wire import AmiRequest, split_arguments

DEFAULT_TIMEOUT_MS = 30_000
MAX_UNIQUEID_CHARS = 149  # AST_MAX_PUBLIC_UNIQUEID
NUMBER = re.compile(r"\+?[0-9]+")
FORBIDDEN = re.compile(r"system|exec|agi|mixmonitor|externalivr", re.IGNORECASE)
LEADING_INTEGER = re.compile(r"\s*([+-]?[0-9]+)")


class ActionRefusedError(Exception):
    """The action is answered with `Response: Error` and this text."""


@dataclass(frozen=True, slots=True)
class DialTarget:
    """A channel string taken apart: `Local/+1202…@ctx/n`, `PJSIP/+1202…@trunk`, `PJSIP/7000`.

    `exten` is what stands before the `@`, `number` the first run of digits in it with an optional plus, or empty;
    `place` is what follows the `@`.
    """

    tech: str
    resource: str
    exten: str
    number: str
    place: str

    @property
    def channel(self) -> str:
        """The channel string as it was asked for."""
        return f"{self.tech}/{self.resource}"

    @property
    def is_local(self) -> bool:
        return self.tech.lower() == "local"


@dataclass(frozen=True, slots=True)
class Origination:
    """One call to place. `timeout_ms` counts from the dialling to the answer."""

    target: DialTarget
    channel_id: str
    other_channel_id: str
    application: str
    data: str
    timeout_ms: int
    caller_name: str
    caller_number: str
    variables: tuple[tuple[str, str], ...]
    action_id: str


@dataclass(frozen=True, slots=True)
class AudioSocketTarget:
    """The arguments of the application `AudioSocket`: `uuid,host:port`."""

    call_id: uuid.UUID
    host: str
    port: int


def parse_origination(request: AmiRequest) -> Origination:
    """Return what the action asks for. Raises ActionRefusedError with Asterisk's text."""
    channel = request.get("Channel")
    channel_id, other_id = request.get("ChannelId"), request.get("OtherChannelId")
    if max(len(channel_id), len(other_id)) > MAX_UNIQUEID_CHARS:
        raise ActionRefusedError(f"Uniqueid length exceeds maximum of {MAX_UNIQUEID_CHARS}")
    if not channel:
        raise ActionRefusedError("Channel not specified")
    if LEADING_INTEGER.match(request.get("Priority", "1")) is None:
        raise ActionRefusedError("Invalid priority")
    timeout_ms = _timeout_ms(request.get("Timeout"))
    if "/" not in channel:
        raise ActionRefusedError("Invalid channel")
    if all(request.get(name) for name in ("Context", "Exten", "Priority")):
        # The simulated dialplan has no extension to start a channel in.
        raise ActionRefusedError("Extension does not exist.")
    if FORBIDDEN.search(request.get("Application")):
        raise ActionRefusedError("Originate Access Forbidden: app or data blacklisted")
    name, number = parse_caller_id(request.get("CallerID"))
    return Origination(
        target=parse_target(channel),
        channel_id=channel_id,
        other_channel_id=other_id,
        application=request.get("Application"),
        data=request.get("Data"),
        timeout_ms=timeout_ms,
        caller_name=name,
        caller_number=number,
        variables=parse_variables(request),
        action_id=request.action_id,
    )


def parse_target(channel: str) -> DialTarget:
    tech, _, resource = channel.partition("/")
    dialled, _, place = resource.partition("@")
    found = NUMBER.search(dialled)
    return DialTarget(tech, resource, dialled, found.group() if found else "", place.partition("/")[0])


def parse_caller_id(text: str) -> tuple[str, str]:
    """Split `"Name" <number>` as `ast_callerid_parse` does; a bare number is a number."""
    before, bracket, after = text.rpartition("<")
    if bracket:
        return _unquote(before.strip()), _shrink(after.partition(">")[0])
    return ("", _shrink(text)) if NUMBER.fullmatch(_shrink(text)) else (text.strip().strip('"'), "")


def _unquote(name: str) -> str:
    """Take away the quotes around a name and the backslashes before those inside it."""
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1]
    return re.sub(r"\\(.)", r"\1", name).strip()


def parse_variables(request: AmiRequest) -> tuple[tuple[str, str], ...]:
    """Return the channel variables; one header may carry several, separated by commas."""
    pairs: list[tuple[str, str]] = []
    for header in request.get_all("Variable"):
        for part in split_arguments(header):
            name, equals, value = part.partition("=")
            if equals and name.strip():
                pairs.append((name.strip(), value))
    return tuple(pairs)


def parse_audiosocket(data: str) -> AudioSocketTarget | None:
    """Return where to connect, or None when the application would refuse its arguments and hang up."""
    arguments = split_arguments(data)
    if len(arguments) < 2:
        return None
    host, _, port = arguments[1].strip().rpartition(":")
    try:
        return AudioSocketTarget(uuid.UUID(arguments[0].strip()), host.strip("[]"), int(port))
    except ValueError:
        return None


def _timeout_ms(text: str) -> int:
    """Read as `sscanf("%d")` does; zero or less means the default of 30 s."""
    if not text:
        return DEFAULT_TIMEOUT_MS
    found = LEADING_INTEGER.match(text)
    if found is None:
        raise ActionRefusedError("Invalid timeout")
    value = int(found.group(1))
    return value if value > 0 else DEFAULT_TIMEOUT_MS


def _shrink(number: str) -> str:
    """Drop what people write between digits, as `ast_shrink_phone_number` does."""
    return "".join(character for character in number if character not in " ()-.").strip()
