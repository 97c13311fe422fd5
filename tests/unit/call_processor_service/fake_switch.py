"""An Asterisk Call Manager at the wire, for tests: it says what a test tells it to say, byte by byte.

Written against the captures and shares nothing with the code under test. Its reader is naive on purpose: whatever
arrives as a line is a header, so that an injection would be seen.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Self

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
DEADLINE_S = 60.0
RIGHT = "right"  # the secret that is accepted
Headers = Mapping[str, object]


class FakeSwitch:
    """Use as a context manager; binds a free port of loopback.

    `plans` maps a dialled number to what happens: `answer`, `busy`, `no_answer`, `ring` (and nothing more), `silent`
    (queued, then no event at all), `no_endpoint`, `not_found`, `congestion`, `refuse` (an error response).
    """

    def __init__(self, secret: str = RIGHT) -> None:
        self.secret = secret
        self.port = 0
        self.plans: dict[str, str] = {}
        self.default_plan = "answer"
        self.endpoint_plans: dict[str, str] = {}  # by the PJSIP endpoint after "@"; a number's own plan goes first
        self.device_states: dict[str, str] = {}  # by device, e.g. PJSIP/trunk
        self.actions: list[dict[str, str]] = []
        self.raw = b""
        self.channels: dict[str, int] = {}  # id → state
        self.linked: dict[str, str] = {}  # id of a leg → id of the channel that it was made for
        self.unanswered: set[str] = set()  # names of actions that get no response
        self.refused: dict[str, str] = {}  # names of actions that get an error with this message
        self.deaf_to_hangup = False
        self.before_response: Callable[[dict[str, str]], Iterable[bytes]] | None = None
        self._arrived = asyncio.Condition()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection; `listen` opens the same port again."""
        if self._server is not None:
            self._server.close()
        self.drop_connections()
        if self._connections:
            await asyncio.wait(self._connections, timeout=DEADLINE_S)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def drop_connections(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    # -- what tests say and wait for

    def event(self, name: str, headers: Headers | None = None) -> None:
        self.send(packet({"Event": name, "Privilege": "call,all", **(headers or {})}))

    def send(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    async def wait_for_action(self, name: str, count: int = 1) -> dict[str, str]:
        """The `count`-th action of that name, within a deadline."""

        def found() -> bool:
            return len(self.named(name)) >= count

        async with asyncio.timeout(DEADLINE_S), self._arrived:
            await self._arrived.wait_for(found)
        return self.named(name)[count - 1]

    def named(self, name: str) -> list[dict[str, str]]:
        return [action for action in self.actions if action.get("Action") == name]

    def callee_hangs_up(self, call_id: str) -> None:
        if self.channels.pop(call_id, None) is not None:
            self.event("HangupRequest", {"Uniqueid": call_id, "Linkedid": call_id, "Cause": 16})
            self._hangup(call_id, 16)

    # -- the wire

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self._writers.add(writer)
        writer.write(BANNER)
        lines: list[str] = []
        try:
            while raw := await reader.readline():
                self.raw += raw
                line = raw.decode().rstrip("\r\n")
                if line:
                    lines.append(line)
                    continue
                action = dict(part.split(": ", 1) for part in lines)
                lines = []
                async with self._arrived:
                    self.actions.append(action)
                    self._arrived.notify_all()
                self._answer(action, writer)
        except ConnectionError:
            pass
        finally:
            self._connections.discard(task)
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, action: dict[str, str], writer: asyncio.StreamWriter) -> None:
        name = action.get("Action", "")
        if self.before_response is not None:
            for data in self.before_response(action):
                writer.write(data)
        if name in self.unanswered:
            return
        if name in self.refused:
            _respond(writer, action, "Error", self.refused[name])
            return
        respond = getattr(self, f"_on_{name.lower()}", self._on_other)
        respond(action, writer)

    def _on_other(self, action: dict[str, str], writer: asyncio.StreamWriter) -> None:
        _respond(writer, action, "Success")

    def _on_login(self, action: dict[str, str], writer: asyncio.StreamWriter) -> None:
        if action.get("Secret") != self.secret:
            _respond(writer, action, "Error", "Authentication failed")
            return
        _respond(writer, action, "Success", "Authentication accepted")
        writer.write(packet({"Event": "FullyBooted", "Privilege": "system,all", "Status": "Fully Booted"}))

    def _on_coreshowchannels(self, action: dict[str, str], writer: asyncio.StreamWriter) -> None:
        identity = {"ActionID": action["ActionID"]}
        writer.write(packet({"Response": "Success", **identity, "EventList": "start", "Message": "Channels follow"}))
        for channel, state in self.channels.items():
            entry = {"Channel": f"PJSIP/x-{channel[-4:]}", "Uniqueid": channel}
            entry["Linkedid"] = self.linked.get(channel, channel)
            writer.write(packet({"Event": "CoreShowChannel", **identity, **entry, "ChannelState": state}))
        count = {"EventList": "Complete", "ListItems": len(self.channels)}
        writer.write(packet({"Event": "CoreShowChannelsComplete", **identity, **count}))

    def _on_getvar(self, action: dict[str, str], writer: asyncio.StreamWriter) -> None:
        device = action["Variable"].removeprefix("DEVICE_STATE(").removesuffix(")")
        facts = {"Variable": action["Variable"], "Value": self.device_states.get(device, "NOT_INUSE")}
        writer.write(packet({"Response": "Success", "ActionID": action["ActionID"], **facts}))

    def _on_hangup(self, action: dict[str, str], writer: asyncio.StreamWriter) -> None:
        channel = action["Channel"]
        if channel not in self.channels:
            _respond(writer, action, "Error", "No such channel")
            return
        _respond(writer, action, "Success", "Channel Hungup")
        if not self.deaf_to_hangup:
            answered = self.channels.pop(channel) == 6
            if not answered:
                self._originate_response(channel, "Failure", 0)
            self._hangup(channel, 16)

    def _on_originate(self, action: dict[str, str], writer: asyncio.StreamWriter) -> None:
        number, _, endpoint = action["Channel"].partition("/")[2].partition("@")
        plan = self.plans.get(number) or self.endpoint_plans.get(endpoint, self.default_plan)
        if plan == "refuse":
            _respond(writer, action, "Error", "Permission denied")
            return
        _respond(writer, action, "Success", "Originate successfully queued")
        call_id = action["ChannelId"]
        getattr(self, f"_plan_{plan}")(call_id)

    def _plan_silent(self, call_id: str) -> None:
        pass

    def _plan_no_endpoint(self, call_id: str) -> None:
        self._originate_response(call_id, "Failure", 0)

    def _plan_ring(self, call_id: str) -> None:
        self.channels[call_id] = 5
        self.event("Newchannel", {"Uniqueid": call_id, "Linkedid": call_id, "ChannelState": 0})
        self.event("DialBegin", {"DestUniqueid": call_id, "DestLinkedid": call_id})
        self.event("Newstate", {"Uniqueid": call_id, "Linkedid": call_id, "ChannelState": 5})
        self.event("DialState", {"DestUniqueid": call_id, "DestLinkedid": call_id, "DialStatus": "RINGING"})

    def _plan_answer(self, call_id: str) -> None:
        self._plan_ring(call_id)
        self.answer(call_id)

    def answer(self, call_id: str) -> None:
        self.channels[call_id] = 6
        self.event("Newstate", {"Uniqueid": call_id, "Linkedid": call_id, "ChannelState": 6})
        self._originate_response(call_id, "Success", 4)
        self.event("DialEnd", {"DestUniqueid": call_id, "DestLinkedid": call_id, "DialStatus": "ANSWER"})

    def _plan_busy(self, call_id: str) -> None:
        self._fail(call_id, "BUSY", 17, 486)

    def _plan_congestion(self, call_id: str) -> None:
        self._fail(call_id, "CONGESTION", 34, 503)

    def _plan_not_found(self, call_id: str) -> None:
        self._fail(call_id, "NOANSWER", 1, 404)

    def _plan_no_answer(self, call_id: str) -> None:
        self._plan_ring(call_id)
        del self.channels[call_id]
        self._originate_response(call_id, "Failure", 3)
        self._hangup(call_id, 19, 480)

    def _fail(self, call_id: str, dial_status: str, cause: int, sip_code: int) -> None:
        self.event("Newchannel", {"Uniqueid": call_id, "Linkedid": call_id, "ChannelState": 0})
        self.event("DialBegin", {"DestUniqueid": call_id, "DestLinkedid": call_id})
        self.event("DialEnd", {"DestUniqueid": call_id, "DestLinkedid": call_id, "DialStatus": dial_status})
        self._originate_response(call_id, "Failure", 0)
        self._hangup(call_id, cause, sip_code)

    def _originate_response(self, call_id: str, response: str, reason: int) -> None:
        facts = {"ActionID": call_id, "Response": response, "Reason": reason, "Uniqueid": call_id}
        self.event("OriginateResponse", facts)

    def _hangup(self, call_id: str, cause: int, sip_code: int | None = None) -> None:
        facts: dict[str, object] = {"Uniqueid": call_id, "Linkedid": call_id, "Cause": cause}
        if sip_code is not None:
            facts["TechCause"] = sip_code
        self.event("Hangup", facts)


def packet(headers: Headers) -> bytes:
    return ("".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode()


def _respond(writer: asyncio.StreamWriter, action: dict[str, str], status: str, message: str = "") -> None:
    headers = {"Response": status, "ActionID": action.get("ActionID", "")}
    writer.write(packet({**headers, "Message": message} if message else headers))
