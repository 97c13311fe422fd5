"""The way of the sound, tried out: Asterisk itself calls a dialplan extension and connects to a listener of ours.

Proves in one go that our user may originate, that `ChannelId` becomes the channel's id, that the events of a call
reach us, that AudioSocket works, and that Asterisk can reach this machine. Nobody's phone rings.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.ami_packets import AmiEvent
from opendeep.call_processor_service.asterisk_ami_client import AsteriskAmiClient
from opendeep.common.ids import new_id
from opendeep.config.app_config import AppConfig
from opendeep.doctor.asterisk_files import AsteriskFiles
from opendeep.doctor.findings import Finding, fail, ok, warn

AUDIO_DEADLINE_S: Final = 6.0
RING_MS: Final = 3_000
EVENTS_GRACE_S: Final = 1.0  # an event may follow the sound
CHECK_CONTEXT: Final = "opendeep-check"  # deploy/asterisk/extensions.conf
CHECK_CHANNEL: Final = f"Local/check@{CHECK_CONTEXT}/n"
UUID_FRAME: Final = b"\x01\x00\x10"  # AudioSocket's first frame: kind 1, 16 bytes
CLOCK_TOLERANCE_S: Final = 2.0
PART: Final = "asterisk: sound"


@dataclass(slots=True)
class Seen:
    """What one test call told. `now` gives seconds of the epoch."""

    call_id: UUID
    now: Callable[[], float] = time.time
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)  # connected, or it cannot come any more
    named: asyncio.Event = field(default_factory=asyncio.Event)  # an event carried our id
    failure: str | None = None
    clock_off_s: float | None = None

    def connect(self) -> None:
        self.connected.set()
        self.over.set()

    def take(self, event: AmiEvent) -> None:
        if (stamp := event.get("Timestamp")) and self.clock_off_s is None:
            with contextlib.suppress(ValueError):
                self.clock_off_s = self.now() - float(stamp)
        if event.name == "Newchannel" and event.get("Uniqueid") == str(self.call_id):
            self.named.set()
        if event.name == "OriginateResponse" and event.get("Response") == "Failure":
            self.failure = event.get("Reason")
            self.over.set()


async def probe_audio(config: AppConfig, files: AsteriskFiles, ami: AsteriskAmiClient) -> list[Finding]:
    seen = Seen(new_id())

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(len(UUID_FRAME) + 16) == UUID_FRAME + seen.call_id.bytes:
                seen.connect()
        writer.close()

    try:
        server = await asyncio.start_server(accept, config.audiosocket_host, 0)
    except OSError as error:
        detail = f"We cannot listen on {config.audiosocket_host}: {error.strerror}."
        return [fail(PART, detail, "Set AUDIOSOCKET_HOST to an address of this machine.", "AUDIOSOCKET_HOST")]
    host = config.audiosocket_public_host or config.audiosocket_host
    port = int(server.sockets[0].getsockname()[1])
    forget = ami.add_generic_event_listener(seen.take)
    try:
        if refusal := await _call(ami, seen, host, port):
            return [_refused(refusal, files, config.asterisk_ami_username)]
    finally:
        forget()
        server.close()
        await server.wait_closed()
    return [_judge_sound(seen, host, port, files), *judge_events(seen, files, config.asterisk_ami_username)]


async def _call(ami: AsteriskAmiClient, seen: Seen, host: str, port: int) -> str | None:
    """Place the call and watch; why Asterisk would not even try, or None."""
    dial = ami_action.DialRequest(seen.call_id, CHECK_CHANNEL, (host, port), RING_MS)
    response = await ami.send_action(ami_action.originate(dial))
    if not response.ok:
        return response.message
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(AUDIO_DEADLINE_S):
            await seen.over.wait()
    if seen.connected.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EVENTS_GRACE_S):
                await seen.named.wait()
    return None


def _refused(message: str, files: AsteriskFiles, user: str) -> Finding:
    advice = "The AMI user needs `write = originate,call,reporting`; then `manager reload`."
    detail = f"Asterisk refuses to place a call: {message}"
    return fail(PART, detail, advice, files.where("manager.conf", user, "write"))


def _judge_sound(seen: Seen, host: str, port: int, files: AsteriskFiles) -> Finding:
    if seen.connected.is_set():
        return ok(PART, f"Asterisk connects to AudioSocket at {host}")
    if seen.failure is not None:
        detail = f"Asterisk cannot call its own extension check@{CHECK_CONTEXT} (reason {seen.failure})."
        advice = "Use extensions.conf of deploy/asterisk, then `dialplan reload`."
        return fail(PART, detail, advice, files.where("extensions.conf", CHECK_CONTEXT, "exten"))
    detail = f"Asterisk did not connect to AudioSocket at {host}:{port}."
    advice = (
        "Is app_audiosocket.so loaded? Set AUDIOSOCKET_HOST to an address of this machine that Asterisk reaches (with "
        "Asterisk on another machine or in a container also AUDIOSOCKET_PUBLIC_HOST), and open AUDIOSOCKET_PORT for it."
    )
    return fail(PART, detail, advice, "AUDIOSOCKET_PUBLIC_HOST")


def judge_events(seen: Seen, files: AsteriskFiles, user: str) -> list[Finding]:
    findings = []
    if seen.connected.is_set() and not seen.named.is_set():
        detail = "The events of our own call did not reach us, so no call could be followed."
        advice = "Add call to `read`, take away an `eventfilter` that hides Newchannel; then `manager reload`."
        findings.append(fail("asterisk: events", detail, advice, files.where("manager.conf", user, "read")))
    elif seen.named.is_set():
        findings.append(ok("asterisk: events", "the channel carries our id (ChannelId) and its events arrive"))
    off_s = seen.clock_off_s
    if off_s is not None and abs(off_s) > CLOCK_TOLERANCE_S:
        detail = f"Asterisk's clock is {off_s:+.1f} s from ours."
        findings.append(warn("clock", detail, "Let both machines follow an NTP server (`timedatectl`)."))
    elif off_s is not None:
        findings.append(ok("clock", "agrees with Asterisk's"))
    return findings
