"""What each manager action does and answers, in Asterisk's own words.

Owns the table of actions after the login; sessions and sockets live in `ami_server`, calls in `exchange`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from opendeep.simulation.ami_wire import AmiRequest
from opendeep.simulation.channels import Channel, Packet, core_show_channel
from opendeep.simulation.exchange import Exchange
from opendeep.simulation.originate import ActionRefusedError, parse_origination
from opendeep.simulation.simulated_call import SimulatedCall

DEFAULT_KEY_MS = 100
# What exists and the manager's user of the shipped configuration may not do.
NOT_ALLOWED = frozenset(
    (
        "agi", "command", "createconfig", "dbdel", "dbdeltree", "dbget", "dbput", "dialplanextensionadd",
        "dialplanextensionremove", "filter", "getconfig", "getconfigjson", "listcategories", "loggerrotate",
        "modulecheck", "moduleload", "reload", "updateconfig", "userevent",
    )
)  # fmt: skip
KEYS = frozenset("0123456789*#ABCDabcd")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client that asked: fields of a successful response, then events of a list.

    `then` runs after the response was sent, so that its events follow it.
    """

    fields: Packet
    events: tuple[Packet, ...] = ()
    then: Callable[[], None] | None = None


ActionHandler = Callable[[Exchange, AmiRequest], Answer]


def perform(exchange: Exchange, request: AmiRequest) -> Answer:
    """Carry out one action. Raises ActionRefusedError with the text for `Response: Error`."""
    name = request.action.lower()
    if not name:
        raise ActionRefusedError("Missing action in request")
    if name in NOT_ALLOWED:
        raise ActionRefusedError("Permission denied")
    handler = ACTIONS.get(name)
    if handler is None:
        raise ActionRefusedError(
            f"Invalid/unknown command: {request.action}. Use Action: ListCommands to show available commands."
        )
    return handler(exchange, request)


def _find(exchange: Exchange, name: str, otherwise: str = "No such channel") -> tuple[SimulatedCall, Channel]:
    found = exchange.find(name)
    if found is None:
        raise ActionRefusedError(otherwise)
    return found


def _message(text: str, then: Callable[[], None] | None = None) -> Answer:
    return Answer([("Message", text)], then=then)


def _ping(exchange: Exchange, request: AmiRequest) -> Answer:
    return Answer([("Ping", "Pong"), ("Timestamp", f"{time.time():.6f}")])


def _originate(exchange: Exchange, request: AmiRequest) -> Answer:
    asked = parse_origination(request)
    if request.get("Async").lower() not in ("true", "yes", "1", "y", "t", "on"):
        raise ActionRefusedError("Originate failed")  # only asynchronous calls are simulated
    return _message("Originate successfully queued", lambda: exchange.originate(asked))


def _hangup(exchange: Exchange, request: AmiRequest) -> Answer:
    name = request.get("Channel")
    if not name:
        raise ActionRefusedError("No channel specified")
    text = request.get("Cause")
    cause = int(text) if text.isdigit() and int(text) <= 127 else 0
    if name.startswith("/") and name.endswith("/") and len(name) > 2:
        return _hangup_matching(exchange, request, cause)
    call, _ = _find(exchange, name)

    def end() -> None:
        call.hang_up(cause)
        exchange.forget_ended()

    return _message("Channel Hungup", end)


def _hangup_matching(exchange: Exchange, request: AmiRequest, cause: int) -> Answer:
    """Hang up by a regular expression between slashes that is looked for in the channels' names."""
    expression = request.get("Channel")[1:-1]
    try:
        calls = exchange.find_matching(re.compile(expression))
    except re.error as error:
        raise ActionRefusedError(f"Regex compile failed on: /{expression}/") from error

    def end() -> None:
        for call in calls:
            call.hang_up(cause)
        exchange.forget_ended()

    names = [call.channel.name for call in calls]
    identity: Packet = [("ActionID", request.action_id)] if request.action_id else []
    listed: list[Packet] = [[("Event", "ChannelHungup"), ("Channel", name), *identity] for name in names]
    last = _list_end("ChannelsHungupListComplete", request, len(listed))
    return Answer([("EventList", "start"), ("Message", "Channels hung up will follow")], (*listed, last), end)


def _play_dtmf(exchange: Exchange, request: AmiRequest) -> Answer:
    call, _ = _find(exchange, request.get("Channel"), "Channel not found")
    digit, duration = request.get("Digit"), request.get("Duration")
    if not digit:
        raise ActionRefusedError("No digit specified")
    if duration and not duration.isdigit():
        raise ActionRefusedError("Could not convert Duration parameter")
    if digit[0] not in KEYS:
        return _message("DTMF successfully queued")
    # Asterisk looks at the first character only.
    duration_ms = int(duration[:9]) if duration else DEFAULT_KEY_MS
    return _message("DTMF successfully queued", lambda: call.play_digit(digit[0], duration_ms))


def _redirect(exchange: Exchange, request: AmiRequest) -> Answer:
    name, context, exten = request.get("Channel"), request.get("Context"), request.get("Exten")
    if not name:
        raise ActionRefusedError("Channel not specified")
    if not request.get("Priority"):
        raise ActionRefusedError("Priority not specified")
    call, _ = _find(exchange, name, f"Channel does not exist: {name}")

    def leave() -> None:
        call.redirect(context, exten)
        exchange.forget_ended()

    return _message("Redirect successful", leave)


def _setvar(exchange: Exchange, request: AmiRequest) -> Answer:
    name, variable, value = request.get("Channel"), request.get("Variable"), request.get("Value")
    if not variable:
        raise ActionRefusedError("No variable specified")
    if not name:
        return _message("Variable Set")  # a global variable; nothing reads it here
    call, channel = _find(exchange, name)
    return _message("Variable Set", lambda: call.set_variable(channel, variable, value))


def _getvar(exchange: Exchange, request: AmiRequest) -> Answer:
    name, variable = request.get("Channel"), request.get("Variable")
    if not variable:
        raise ActionRefusedError("No variable specified")
    value = _find(exchange, name)[1].variables.get(variable, "") if name else ""
    return Answer([("Variable", variable), ("Value", value)])


def _core_show_channels(exchange: Exchange, request: AmiRequest) -> Answer:
    listed = tuple(core_show_channel(leg, exchange.now_ms, request.action_id) for leg in exchange.channels())
    end = _list_end("CoreShowChannelsComplete", request, len(listed))
    return Answer([("EventList", "start"), ("Message", "Channels will follow")], (*listed, end))


def _status(exchange: Exchange, request: AmiRequest) -> Answer:
    name = request.get("Channel")
    legs = [_find(exchange, name)[1]] if name else list(exchange.channels())
    identity: Packet = [("ActionID", request.action_id)] if request.action_id else []
    listed: list[Packet] = [
        [("Event", "Status"), ("Privilege", "Call"), *identity, *leg.headers(), ("Application", leg.application)]
        for leg in legs
    ]
    end = [*_list_end("StatusComplete", request, len(listed)), ("Items", len(listed))]
    return Answer([("EventList", "start"), ("Message", "Channel status will follow")], (*listed, end))


def _list_end(event: str, request: AmiRequest, count: int) -> Packet:
    identity: Packet = [("ActionID", request.action_id)] if request.action_id else []
    return [("Event", event), *identity, ("EventList", "Complete"), ("ListItems", count)]


ACTIONS: dict[str, ActionHandler] = {
    "ping": _ping,
    "originate": _originate,
    "hangup": _hangup,
    "playdtmf": _play_dtmf,
    "redirect": _redirect,
    "setvar": _setvar,
    "getvar": _getvar,
    "coreshowchannels": _core_show_channels,
    "status": _status,
}
