"""A live call steered from a browser's socket: real web server, real audio, a scripted Realtime server at the wire."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from opendeep.audio_processing_service import live_messages
from opendeep.common.channels import call_commands, call_microphone
from opendeep.common.clock import SystemClock
from opendeep.common.data_models import CallStatus, Speaker
from opendeep.common.redis_client import Doorbell, RedisDoorbell
from opendeep.database.db_manager import DatabaseManager
from tests.integration.audio_realtime import FakeRealtime, FakeSession, fake_realtime
from tests.integration.audio_world import FakeAsterisk, MediaWorld, mark, media_world, until
from tests.support.audio import mulaw_decode, mulaw_encode, tone, tone_ms
from tests.support.database import sqlite_url
from tests.support.web_world import WebWorld, serving, web_over

DEADLINE_S = 60.0
AI_HZ, CALLEE_HZ, USER_HZ = 400, 900, 1_500
OWNER = "Maria Keller"  # whose call it is
BATCH_BYTES = 800


def ulaw(hz: float, ms: int) -> bytes:
    """Never silent."""
    return mulaw_encode(tone(hz, ms)).replace(b"\xff", b"\xfe")


@pytest_asyncio.fixture
async def voice() -> AsyncIterator[FakeRealtime]:
    async with fake_realtime() as fake:
        yield fake


@dataclass
class Ear:
    """A browser's socket. `sound` is what was heard as PCM, `texts` every JSON message."""

    socket: ClientConnection
    sound: bytearray = field(default_factory=bytearray)
    texts: list[dict[str, Any]] = field(default_factory=list)
    batches: int = 0
    reports: bool = True
    closed: tuple[int, str] | None = None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def read(self) -> None:
        try:
            async for message in self.socket:
                async with self._changed:
                    if isinstance(message, bytes):
                        self.batches += 1
                        self.sound += mulaw_decode(message)
                        assert len(message) == BATCH_BYTES
                    else:
                        self.texts.append(orjson.loads(message))
                    self._changed.notify_all()
                if self.reports and isinstance(message, bytes) and self.batches % 10 == 0:
                    await self.say(type="renew", received=self.batches)
        except ConnectionClosed:
            pass
        async with self._changed:
            self.closed = (self.socket.close_code or 0, self.socket.close_reason or "")
            self._changed.notify_all()

    async def say(self, **message: Any) -> None:
        await self.socket.send(orjson.dumps(message).decode())

    async def wait(self, condition: Any) -> Any:
        async with asyncio.timeout(DEADLINE_S), self._changed:
            return await self._changed.wait_for(condition)

    async def text(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The first message of this type with these fields, past or future."""

        def found() -> dict[str, Any] | None:
            return next((t for t in self.texts if t["type"] == kind and fields.items() <= t.items()), None)

        return dict(await self.wait(found))

    async def heard(self, hz: float, ms: int) -> None:
        await self.wait(lambda: tone_ms(bytes(self.sound), hz, purity=0.3) >= ms)


@dataclass
class Person:
    """A signed-in user of the web interface."""

    url: str
    client: httpx.AsyncClient

    def _socket(self, call_id: Any, query: str = "") -> connect:
        cookies = "; ".join(f"{key}={value}" for key, value in self.client.cookies.items())
        address = f"{self.url.replace('http', 'ws', 1)}/ws/calls/{call_id}/audio{query}"
        return connect(address, additional_headers={"Cookie": cookies}, origin=self.url, proxy=None)  # type: ignore[arg-type]

    @asynccontextmanager
    async def listening(self, call_id: Any, query: str = "", *, reports: bool = True) -> AsyncIterator[Ear]:
        async with self._socket(call_id, query) as socket:
            ear = Ear(socket, reports=reports)
            reading = asyncio.create_task(ear.read(), name="ear")
            try:
                await ear.text("hello")
                yield ear
            finally:
                await socket.close()
                await reading

    async def order(self, call_id: Any, what: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"/api/calls/{call_id}/{what}", json=body, timeout=DEADLINE_S)


@dataclass
class Desk:
    """The call, its web interface, and its owner."""

    world: MediaWorld
    web: WebWorld
    url: str
    owner: Person

    @property
    def call_id(self) -> Any:
        return self.world.call.id


@asynccontextmanager
async def person(url: str, name: str) -> AsyncIterator[Person]:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        assert (await client.post("/api/session", json={"user_name": name})).status_code == 200
        yield Person(url, client)


@asynccontextmanager
async def desk_of(world: MediaWorld, web: WebWorld) -> AsyncIterator[Desk]:
    async with serving(web.app) as url, person(url, OWNER) as owner:
        yield Desk(world, web, url, owner)


@pytest_asyncio.fixture
async def desk(voice: FakeRealtime, tmp_path: Path) -> AsyncIterator[Desk]:
    async with (
        media_world(tmp_path, voice.url) as world,
        desk_of(world, web_over(tmp_path, world.db, world.bell)) as built,
    ):
        yield built


async def answered(desk: Desk, voice: FakeRealtime) -> tuple[FakeAsterisk, FakeSession]:
    line = await desk.world.answer()
    session = await voice.session()
    await session.begun()
    return line, session


@asynccontextmanager
async def sounding(send: Any, piece: bytes, every_s: float) -> AsyncIterator[None]:
    """Send the same piece again and again in real time, as a telephone or a microphone does."""

    async def run() -> None:
        while True:
            result = send(piece)
            if asyncio.iscoroutine(result):
                await result
            await asyncio.sleep(every_s)

    task = asyncio.create_task(run(), name="sounding")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def frames_of(hz: float, line: FakeAsterisk, since: int = 0) -> int:
    """How many ms of this tone the callee has heard."""
    return tone_ms(b"".join(line.heard[since:]), hz)


# -- listening


@pytest.mark.parametrize(
    ("side", "callee", "ours"), [("callee", True, False), ("ours", False, True), ("both", True, True)]
)
async def test_each_side_is_heard_alone_or_both_together(
    desk: Desk, voice: FakeRealtime, side: str, callee: bool, ours: bool
) -> None:
    line, session = await answered(desk, voice)
    async with (
        desk.owner.listening(desk.call_id, f"?side={side}") as ear,
        sounding(line.speak, tone(CALLEE_HZ, 20), 0.02),
    ):
        await session.speak("r1", "Hello.", ulaw(AI_HZ, 20_000), done=False)
        if callee:
            await ear.heard(CALLEE_HZ, 300)
        if ours:
            await ear.heard(AI_HZ, 300)
        levels = await ear.wait(
            lambda: [t for t in ear.texts if t["type"] == "levels" and None not in (t["callee"], t["ours"])]
        )
        assert all(-25 < levels[-1][who] < -5 for who in ("callee", "ours"))
        sound = bytes(ear.sound)[-8_000:]
        assert (tone_ms(sound, CALLEE_HZ, purity=0.3) > 0) is callee
        assert (tone_ms(sound, AI_HZ, purity=0.3) > 0) is ours


async def test_nothing_is_produced_while_nobody_listens(desk: Desk, voice: FakeRealtime) -> None:
    line, session = await answered(desk, voice)
    await session.speak("r1", "Hello.", ulaw(AI_HZ, 20_000), done=False)
    async with desk.world.bell.listen(f"call:{desk.call_id}:sound") as sound:
        await line.wait(lambda: len(line.loud()) >= 25)
        assert sound.drain() == []
        async with desk.owner.listening(desk.call_id, "?side=none") as ear:
            await ear.text("levels")
            assert ear.batches == 0
            assert all(m.data["callee"] is None and m.data["ours"] is None for m in sound.drain())
            await ear.say(type="hear", side="ours")
            await ear.heard(AI_HZ, 200)
        await until(lambda: not _listens(desk))
        sound.drain()
        at = len(line.heard)
        await line.wait(lambda: len(line.heard) >= at + 25)
        assert sound.drain() == []


def _listens(desk: Desk) -> bool:
    [handler] = desk.world.server._handlers.values()
    return len(handler._control._listeners) > 0


async def test_a_listener_that_reports_nothing_gets_no_more_than_is_allowed_ahead(
    desk: Desk, voice: FakeRealtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opendeep.audio_processing_service.call_listener.MAX_AHEAD", 5)
    line, session = await answered(desk, voice)
    await session.speak("r1", "Hello.", ulaw(AI_HZ, 20_000), done=False)
    async with desk.owner.listening(desk.call_id, reports=False) as ear:
        lagging = await ear.wait(lambda: [t for t in ear.texts if t["type"] == "levels" and t["lost"] >= 3])
        assert lagging
        assert ear.batches == 5
        assert len(line.loud()) > 30  # the call itself goes on
        await ear.say(type="renew", received=5)
        await ear.wait(lambda: ear.batches == 10)


async def test_the_end_of_the_call_ends_the_socket(desk: Desk, voice: FakeRealtime) -> None:
    line, _ = await answered(desk, voice)
    async with desk.owner.listening(desk.call_id) as ear:
        await line.hang_up()
        await ear.text("ended")
        await ear.wait(lambda: ear.closed == (1000, "the call has ended"))


@pytest.mark.parametrize(
    "message",
    [
        "{",
        '{"type": "renew", "received": -1}',
        '{"type": "shout"}',
        '{"type":"hear","side":"all"}',
        "x" * 2_000,
        b"x" * 3_201,
        b"xxx",
    ],
    ids=str,
)
async def test_a_browser_that_breaks_the_rules_is_told_and_closed(
    desk: Desk, voice: FakeRealtime, message: str | bytes
) -> None:
    await answered(desk, voice)
    async with desk.owner.listening(desk.call_id, "?mic=pcm16") as ear:
        await ear.socket.send(message)
        code, reason = await ear.wait(lambda: ear.closed)
        assert code == 1008
        assert reason


async def test_a_flood_of_messages_is_closed(desk: Desk, voice: FakeRealtime) -> None:
    await answered(desk, voice)
    async with desk.owner.listening(desk.call_id) as ear:
        for _ in range(100):
            await ear.say(type="renew", received=0)
        assert await ear.wait(lambda: ear.closed) == (1008, "too many messages in a second")


# -- whose call it is


async def test_another_tenants_call_is_no_call(desk: Desk, voice: FakeRealtime) -> None:
    _, session = await answered(desk, voice)
    async with person(desk.url, "Eve") as eve, desk.owner.listening(desk.call_id) as ear:
        orders: list[tuple[str, dict[str, Any]]] = [
            ("whisper", {"text": "Offer them everything."}),
            ("keys", {"digits": "1"}),
            ("take_over", {"listener": ear.texts[0]["listener"]}),
            ("give_back", {}),
            ("hang_up", {}),
        ]
        desk.world.channel.drain()
        for what, body in orders:
            answer = await eve.order(desk.call_id, what, **body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NotFound"), what
        with pytest.raises(InvalidStatus) as refused:
            async with eve._socket(desk.call_id):
                pass
        assert refused.value.response.status_code == 404
        kinds = {message.data["type"] for message in desk.world.channel.drain()}
        assert kinds <= {"listen"}
        assert not [event for event in session.received if event["type"] == "conversation.item.create"]


async def test_strangers_and_foreign_pages_get_no_sound(desk: Desk, voice: FakeRealtime) -> None:
    await answered(desk, voice)
    address = f"{desk.url.replace('http', 'ws', 1)}/ws/calls/{desk.call_id}/audio"
    cookie = "; ".join(f"{key}={value}" for key, value in desk.owner.client.cookies.items())
    for headers, origin in (({}, desk.url), ({"Cookie": cookie}, "http://evil.test"), ({"Cookie": cookie}, None)):
        with pytest.raises(InvalidStatus) as refused:
            async with connect(address, additional_headers=headers, origin=origin, proxy=None):  # type: ignore[arg-type]
                pass
        assert refused.value.response.status_code == 403
    async with httpx.AsyncClient(base_url=desk.url, trust_env=False) as stranger:
        bodies = {"whisper": {"text": "x"}, "keys": {"digits": "1"}, "take_over": {"listener": "x"}}
        for what in (*bodies, "give_back", "hang_up"):
            answer = await stranger.post(f"/api/calls/{desk.call_id}/{what}", json=bodies.get(what, {}))
            assert answer.status_code == 401, what


async def test_a_call_that_its_user_stops_says_so(desk: Desk, voice: FakeRealtime) -> None:
    line, _ = await answered(desk, voice)
    stopping = asyncio.create_task(desk.owner.order(desk.call_id, "hang_up"), name="stopping")
    assert (await desk.world.said("hangup"))["reason"] == "user_hung_up"
    await line.hang_up()  # as the telephony side makes Asterisk do
    await desk.world.ended()
    await desk.world.tell("ended")
    assert (await stopping).status_code == 200
    assert [event.detail for event in await desk.world.events("call.stopped_by_user")] == ["You hung up."]


async def test_an_ended_call_takes_no_orders(desk: Desk, voice: FakeRealtime) -> None:
    line, _ = await answered(desk, voice)
    await line.hang_up()
    await desk.world.ended()
    await mark(desk.world, CallStatus.COMPLETED)
    for what, body in (("whisper", {"text": "Hello?"}), ("hang_up", {}), ("keys", {"digits": "1"}), ("give_back", {})):
        answer = await desk.owner.order(desk.call_id, what, **body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "Conflict"), what
    with pytest.raises(InvalidStatus) as refused:
        async with desk.owner._socket(desk.call_id):
            pass
    assert refused.value.response.status_code == 409


async def test_orders_on_the_bell_that_are_not_the_owners_are_ignored(desk: Desk, voice: FakeRealtime) -> None:
    _, session = await answered(desk, voice)
    for user_id in (None, "", "somebody else", str(desk.call_id)):
        await desk.world.tell("whisper", text="Obey me.", request_id="r1", user_id=user_id)
        await desk.world.tell("take_over", listener="l1", request_id="r2", user_id=user_id)
        await desk.world.tell("listen", listener="l1", side="both", user_id=user_id)
    answer = await desk.owner.order(desk.call_id, "whisper", text="Be brief.")
    assert answer.status_code == 200
    item = (await session.received_event("conversation.item.create"))["item"]
    assert "Be brief." in item["content"][0]["text"]
    assert not _listens(desk)
    assert desk.world.server.counters["foreign_order"] == 12


# -- whispering, keys, the end


async def test_a_whisper_is_told_as_the_principals_and_answered(desk: Desk, voice: FakeRealtime) -> None:
    _, session = await answered(desk, voice)
    await session.speak("r1", "Hello.", ulaw(AI_HZ, 100))
    answer = await desk.owner.order(desk.call_id, "whisper", text='Offer 10 %. "} <b>')
    assert answer.json() == {"status": "done"}
    item = (await session.received_event("conversation.item.create"))["item"]
    assert item["role"] == "system"
    told = item["content"][0]["text"]
    assert "principal" in told
    assert orjson.loads(told[told.index("{") : told.rindex("}") + 1]) == {"principal": 'Offer 10 %. "} <b>'}
    await session.received_event("response.create", 2)
    [note] = await _events(desk, "call.whisper")
    assert note.data == {"text": 'Offer 10 %. "} <b>'}


async def test_a_whisper_survives_the_loss_of_the_session(desk: Desk, voice: FakeRealtime) -> None:
    _, session = await answered(desk, voice)
    assert (await desk.owner.order(desk.call_id, "whisper", text="Offer 10 %.")).status_code == 200
    await session.socket.close()
    second = await voice.session(2)
    await second.begun()
    texts = [e["item"]["content"][0]["text"] for e in second.received if e["type"] == "conversation.item.create"]
    assert sum("Offer 10 %." in text for text in texts) == 1


async def test_too_many_whispers_are_refused(desk: Desk, voice: FakeRealtime) -> None:
    await answered(desk, voice)
    codes = [
        (await desk.owner.order(desk.call_id, "whisper", text=f"Number {number}.")).status_code for number in range(21)
    ]
    assert codes == [200] * 20 + [409]


@pytest.mark.parametrize("text", ["", "  \n", "x" * 1_001, "a\x00b", 7])
async def test_unusable_whispers_are_refused(desk: Desk, text: object) -> None:
    assert (await desk.owner.order(desk.call_id, "whisper", text=text)).status_code == 422


async def test_before_the_answer_the_call_takes_no_whisper(desk: Desk) -> None:
    await desk.world.expect()
    answer = await desk.owner.order(desk.call_id, "whisper", text="Be brief.")
    assert answer.status_code == 409
    assert "Nobody has answered" in answer.json()["error"]["message"]


async def test_a_call_whose_node_is_silent_is_unreachable(desk: Desk) -> None:
    answer = await desk.owner.order(desk.call_id, "whisper", text="Is anybody there?")  # no handler has been started
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "CallUnreachable")


async def _telephony(desk: Desk, order: str, **answer: Any) -> dict[str, Any]:
    """The other handler of the call: obeys one order."""
    said = await desk.world.said(order)
    await desk.world.tell(**answer, request_id=said["request_id"])
    return said


async def test_keys_are_confirmed_by_the_switch(desk: Desk, voice: FakeRealtime) -> None:
    await answered(desk, voice)
    switch = asyncio.create_task(_telephony(desk, "send_dtmf", kind="dtmf_sent"), name="switch")
    answer = await desk.owner.order(desk.call_id, "keys", digits="12#")
    assert answer.json() == {"status": "done"}
    assert (await switch)["digits"] == "12#"
    failing = _telephony(desk, "send_dtmf", kind="dtmf_failed", detail="the channel is gone")
    switch = asyncio.create_task(failing, name="switch")
    answer = await desk.owner.order(desk.call_id, "keys", digits="9")
    await switch
    assert (answer.status_code, answer.json()["error"]["message"]) == (409, "the channel is gone")
    for digits in ("", "1" * 33, "1\r\nAction: Originate", "+1"):
        assert (await desk.owner.order(desk.call_id, "keys", digits=digits)).status_code == 422


async def test_the_user_hangs_up(desk: Desk, voice: FakeRealtime) -> None:
    line, _ = await answered(desk, voice)

    async def switch() -> dict[str, Any]:
        said = await desk.world.said("hangup")
        await line.hang_up()
        await desk.world.tell("ended", status="COMPLETED")
        return said

    hanging_up = asyncio.create_task(switch(), name="switch")
    assert (await desk.owner.order(desk.call_id, "hang_up")).json() == {"status": "done"}
    assert (await hanging_up)["reason"] == "user_hung_up"


# -- taking over


async def _events(desk: Desk, kind: str, count: int = 1) -> list[Any]:
    """Rows are written a moment after the fact; their commit rings."""
    async with desk.world.pages() as pages:
        while len(found := await desk.world.events(kind)) < count:
            assert await pages.next(DEADLINE_S) is not None
    return found


async def _take_over(desk: Desk, ear: Ear) -> None:
    answer = await desk.owner.order(desk.call_id, "take_over", listener=(await ear.text("hello"))["listener"])
    assert answer.json() == {"status": "done"}, answer.text
    await ear.text("speaker", speaker="user", you=True)


@pytest.mark.parametrize("mic", ["pcmu", "pcm16"])
async def test_the_users_microphone_replaces_the_ai_and_gives_back(desk: Desk, voice: FakeRealtime, mic: str) -> None:
    line, session = await answered(desk, voice)
    piece = ulaw(USER_HZ, 40) if mic == "pcmu" else tone(USER_HZ, 40)
    async with desk.owner.listening(desk.call_id, f"?side=ours&mic={mic}") as ear:
        await ear.text("speaker", speaker="ai")
        await session.speak("r1", "one two three four five six seven", ulaw(AI_HZ, 20_000), done=False)
        await line.wait(lambda: frames_of(AI_HZ, line) >= 300)
        heard_ms = frames_of(AI_HZ, line)
        await _take_over(desk, ear)

        truncate = await session.received_event("conversation.item.truncate")
        assert heard_ms <= truncate["audio_end_ms"] <= frames_of(AI_HZ, line)
        await session.received_event("response.cancel")
        await session.audio_delta("r1", ulaw(AI_HZ, 2_000))  # late
        await session.end_response("r1", "cancelled")
        since = len(line.heard)

        async with sounding(ear.socket.send, piece, 0.04):
            user = await voice.session(2)  # what the user says is recognised by a session of its own
            mute = (await user.received_event("session.update"))["session"]["audio"]["input"]["turn_detection"]
            assert mute["create_response"] is False
            await line.wait(lambda: frames_of(USER_HZ, line, since) >= 600)
            assert frames_of(AI_HZ, line, since + 1) == 0
            await ear.heard(USER_HZ, 300)
            await user.wait(lambda: len(user.audio) >= 2_400)
            assert tone_ms(mulaw_decode(bytes(user.audio)), USER_HZ) >= 100
            await user.callee_starts("u1", 0)
            await user.callee_stops("u1", 300, "I am Maria herself.")
            # the callee still goes to the AI's session, is written down, and is not answered
            line.speak(tone(CALLEE_HZ, 200))
            before = len(session.audio)
            await session.wait(lambda: len(session.audio) > before)
            await session.callee_starts("c1", 900)
            await session.callee_stops("c1", 1_200, "Nice to hear you.")
            await session.begin_response("r2")  # an answer that was on its way all the same
            await session.audio_delta("r2", ulaw(AI_HZ, 500))
            await session.call_tool("r2", "t1", "end_call", {"reason": "completed"})
            refused = (await session.received_event("conversation.item.create"))["item"]
            assert orjson.loads(refused["output"])["status"] == "refused"
            await session.received_event("response.cancel", 2)
            await session.end_response("r2", "cancelled")
            assert len([e for e in session.received if e["type"] == "response.create"]) == 1
            answer = await desk.owner.order(desk.call_id, "give_back")
            assert answer.json() == {"status": "done"}
        await user.closed.wait()
        await ear.wait(lambda: [t for t in ear.texts if t["type"] == "speaker"][-1]["speaker"] == "ai")
        note = (await session.received_event("conversation.item.create", 2))["item"]
        assert note["role"] == "system"
        told = note["content"][0]["text"]
        said = orjson.loads(told[told.index("{") : told.rindex("}") + 1])["said"]
        assert said == [
            {"who": "principal", "text": "I am Maria herself."},
            {"who": "other side", "text": "Nice to hear you."},
        ]
        await session.received_event("response.create", 2)
        await session.speak("r3", "As we said.", ulaw(AI_HZ, 400))
        resumed = len(line.heard)
        await line.wait(lambda: frames_of(AI_HZ, line, resumed) >= 300)
        await line.hang_up()
        await desk.world.ended()
    assert [(turn.speaker, turn.text) for turn in await desk.world.turns()][1:] == [
        (Speaker.USER, "I am Maria herself."),
        (Speaker.CALLEE, "Nice to hear you."),
        (Speaker.AI, "As we said."),
    ]
    assert [e.kind for e in await desk.world.events() if "over" in e.kind or "given" in e.kind] == [
        "call.taken_over",
        "call.given_back",
    ]
    with wave.open(str(desk.world.data_dir / str((await desk.world.row()).recording_path))) as recording:
        stereo = np.frombuffer(recording.readframes(recording.getnframes()), "<i2").reshape(-1, 2)
    assert tone_ms(stereo[:, 1].tobytes(), USER_HZ) >= 600


@pytest.mark.parametrize("way", ["closes", "falls silent"])
async def test_a_browser_that_vanishes_gives_the_call_back_by_itself(
    desk: Desk, voice: FakeRealtime, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease_s = 0.5 if way == "falls silent" else 60.0
    monkeypatch.setattr(live_messages, "MICROPHONE_LEASE_S", lease_s)
    line, session = await answered(desk, voice)
    async with desk.owner.listening(desk.call_id, "?side=none") as ear:
        await _take_over(desk, ear)
        for _ in range(5):
            await ear.socket.send(ulaw(USER_HZ, 40))
        await line.wait(lambda: frames_of(USER_HZ, line) >= 100)
        if way == "falls silent":
            await session.received_event("response.create", 2)
    note = (await session.received_event("conversation.item.create"))["item"]["content"][0]["text"]
    assert "connection broke" in note
    await session.received_event("response.create", 2)
    [event] = await _events(desk, "call.given_back")
    assert event.data == {"vanished": True}


async def test_only_a_listener_takes_over_and_only_one(desk: Desk, voice: FakeRealtime) -> None:
    await answered(desk, voice)
    answer = await desk.owner.order(desk.call_id, "take_over", listener="nobody")
    assert answer.status_code == 409
    async with (
        desk.owner.listening(desk.call_id, "?side=none") as first,
        desk.owner.listening(desk.call_id, "?side=none") as second,
    ):
        await _take_over(desk, first)
        await _take_over(desk, first)  # twice is once
        await second.text("speaker", speaker="user", you=False)
        answer = await desk.owner.order(desk.call_id, "take_over", listener=(await second.text("hello"))["listener"])
        assert (answer.status_code, answer.json()["error"]["message"]) == (
            409, "Somebody else has taken this call over.",
        )  # fmt: skip
        before = desk.world.server.counters["microphone_refused"]
        await second.socket.send(ulaw(USER_HZ, 40))  # is not the one who speaks: goes nowhere
        await desk.world.bell.ring(
            call_microphone(desk.call_id), live_messages.write_microphone("nobody", ulaw(USER_HZ, 40))
        )
        await until(lambda: desk.world.server.counters["microphone_refused"] == before + 1)
        assert len(await _events(desk, "call.taken_over")) == 1


async def test_the_call_ends_in_good_order_while_a_human_speaks(desk: Desk, voice: FakeRealtime) -> None:
    line, _ = await answered(desk, voice)
    async with desk.owner.listening(desk.call_id) as ear:
        await _take_over(desk, ear)
        async with sounding(ear.socket.send, ulaw(USER_HZ, 40), 0.04):
            await line.wait(lambda: frames_of(USER_HZ, line) >= 100)
            await line.hang_up()
            await desk.world.ended()
            await ear.text("ended")
    second = await voice.session(2)
    await second.closed.wait()
    assert await desk.world.events("call.given_back") == []


async def test_a_human_goes_on_when_the_ai_is_lost(desk: Desk, voice: FakeRealtime) -> None:
    line, session = await answered(desk, voice)
    async with desk.owner.listening(desk.call_id, "?side=none") as ear:
        await _take_over(desk, ear)
        async with sounding(ear.socket.send, ulaw(USER_HZ, 40), 0.04):
            await voice.session(2)
            await session.socket.close()
            third = await voice.session(3)
            await third.received_event("session.update", 2)
            since = len(line.heard)
            await line.wait(lambda: frames_of(USER_HZ, line, since) >= 300)
            assert not [e for e in third.received if e["type"] == "response.create"]
            assert (await desk.owner.order(desk.call_id, "give_back")).status_code == 200
        await third.received_event("response.create")


async def test_an_ai_that_cannot_be_had_any_more_ends_the_call_only_when_it_is_given_back(
    desk: Desk, voice: FakeRealtime
) -> None:
    line, session = await answered(desk, voice)
    await session.speak("r1", "Hello.", ulaw(AI_HZ, 100))
    await line.wait(lambda: frames_of(AI_HZ, line) >= 80)
    async with desk.owner.listening(desk.call_id, "?side=none") as ear:
        await _take_over(desk, ear)
        async with sounding(ear.socket.send, ulaw(USER_HZ, 40), 0.04):
            await voice.session(2)
            await session.socket.close()
            third = await voice.session(3)
            await third.received_event("session.update", 2)
            await third.socket.close()
            await _events(desk, "call.voice_lost", 2)
            since = len(line.heard)
            await line.wait(lambda: frames_of(USER_HZ, line, since) >= 1_000)
            await desk.owner.order(desk.call_id, "give_back")
    assert (await desk.world.said("hangup"))["reason"] == "provider_failed"


# -- the page's node is not the call's node


@pytest.mark.redis
async def test_the_browsers_node_is_not_the_calls_node(voice: FakeRealtime, tmp_path: Path, redis_url: str) -> None:
    bells = [RedisDoorbell(Redis.from_url(redis_url), name) for name in ("voice", "page")]
    running = [asyncio.create_task(bell.run(), name=f"bell-{n}") for n, bell in enumerate(bells)]
    for bell in bells:
        async with asyncio.timeout(DEADLINE_S):
            await bell._connected.wait()
    voice_bell: Doorbell = bells[0]
    try:
        async with media_world(tmp_path, voice.url, bell=voice_bell) as world:
            db = DatabaseManager(sqlite_url(tmp_path), bells[1], SystemClock())
            try:
                async with desk_of(world, web_over(tmp_path, db, bells[1])) as desk:
                    line, session = await answered(desk, voice)
                    async with desk.owner.listening(desk.call_id) as ear:
                        assert (await desk.owner.order(desk.call_id, "whisper", text="Be brief.")).status_code == 200
                        await session.speak("r1", "Hello.", ulaw(AI_HZ, 20_000), done=False)
                        await ear.heard(AI_HZ, 300)
                        await _take_over(desk, ear)
                        since = len(line.heard)
                        async with sounding(ear.socket.send, ulaw(USER_HZ, 40), 0.04):
                            await line.wait(lambda: frames_of(USER_HZ, line, since) >= 300)
                            assert frames_of(AI_HZ, line, since + 1) == 0
                            assert (await desk.owner.order(desk.call_id, "give_back")).status_code == 200
                        await session.received_event("conversation.item.create", 2)
                    await until(lambda: not _listens(desk))
                    assert call_commands(desk.call_id) not in bells[1]._subscribers
            finally:
                await db.close()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
