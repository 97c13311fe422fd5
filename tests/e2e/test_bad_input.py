"""Bad input to the real program: a clear error, the line freed, the task in a state that goes on, the process alive.

What can go wrong, and where it is proven (here and in `test_outages` on the real process, the others on parts of it):

=========================  ============================================================================================
unknown number             test_a_number_that_nobody_has; unit/web_interface: test_an_unknown_number_is_named
empty plan                 test_an_empty_plan; unit/web_interface: test_an_empty_plan_is_not_valid_…
plan of another user       test_a_plan_of_another_user; unit/task_manager: test_a_plan_of_another_user_does_not_exist
same confirmation twice    test_the_same_confirmation_many_times; unit/task_manager: test_a_plan_becomes_rows_once_…
malformed JSON             test_requests_that_cannot_be; unit/web_interface: test_bad_messages_get_clear_answers
a 1 MB message             test_requests_that_cannot_be; unit/web_interface: test_a_body_above_the_limit_is_413
AMI wrong password         test_outages: test_a_wrong_ami_secret; integration: test_wrong_password_claims_nothing_…
AMI gone in mid-call       test_outages: test_asterisk_dies_in_mid_call; integration/test_calls_faults
AudioSocket garbage        test_strangers_at_the_audio_port; integration/test_audio_faults
AudioSocket wrong UUID     test_strangers_at_the_audio_port; integration/test_audio_faults
Realtime closes            test_a_voice_provider_that_never_begins, test_a_voice_provider_that_goes_wrong_in_mid_call
Realtime stalls            the same two
Realtime sends nonsense    the same two
text model errs            test_a_text_provider_that_errs_…; integration/test_minds_analysis, unit/llm_integrations
database locked            test_outages: test_a_database_locked_by_somebody_else; test_postgres_dies_in_mid_call
Redis gone                 test_outages: test_redis_dies_in_mid_call; unit/common: test_redis_gone_and_back
process killed, stopped    test_outages: test_killed_in_mid_call_…, test_sigterm_…
=========================  ============================================================================================
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from opendeep.demo.client import PageClient
from opendeep.offline.runner import OfflineProcess
from tests.support.hostile import Greeting, HostileRealtime, HostileRelay, Manner, Relaying, hostile_realtime
from tests.support.product import Product, UserAtPage, product, user_at_page
from tests.support.services import free_tcp_port
from tests.support.trouble import (
    DEADLINE_S,
    LATER,
    MOVING_ON,
    PURPOSE,
    TONE_NUMBER,
    alive,
    call_in_progress,
    calls_of,
    eventually,
    lines_free,
    part,
    start_call,
    task_that_goes_on,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEGABYTE = 1_000_000
VOICE_FAILED = "We ended the call (the voice AI failed)."
VOICE_AWAY = "The call was answered, but the voice AI could not be reached; nothing was said."
UNALLOCATED_NUMBER = "+1 202 555 0108"
CONFIRMATIONS = 8
CONTACTS = {  # one way of going wrong each; numbers of simulated callees that pick up
    "Anna Meyer": ("+1 202 555 0101", Manner.CLOSES),
    "Ben Ortiz": ("+1 202 555 0112", Manner.STALLS),
    "Clara Novak": ("+1 202 555 0110", Manner.NOT_JSON),
    "Dan Reed": ("+1 202 555 0105", Manner.WRONG_TYPES),
    "Eva Lind": ("+1 202 555 0113", Manner.GARBAGE),
    "Finn Berg": ("+1 202 555 0114", Manner.OVERSIZED),
    "Gina Hall": ("+1 202 555 0115", Manner.UNKNOWN),
}


# -- requests


@dataclass(frozen=True)
class Audience:
    """The program on embedded defaults, its audio port and a user at its page."""

    program: Product
    audio_port: int
    user: UserAtPage


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def audience(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Audience]:
    port = free_tcp_port()
    async with product(tmp_path_factory.mktemp("program"), AUDIOSOCKET_PORT=str(port)) as program:
        await program.ready()
        async with user_at_page(program.url) as user:
            yield Audience(program, port, user)


async def refusal(page: PageClient, path: str, body: dict[str, Any]) -> tuple[int, str]:
    """Status and words of a request that must be refused."""
    with pytest.raises(httpx.HTTPStatusError) as refused:
        await page.post(path, body)
    error = refused.value.response.json()["error"]
    return refused.value.response.status_code, str(error["message"])


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b'{"message": "hel', 400, "not valid JSON"),
        (b"\xff\xfe\x00 no text", 400, "not valid JSON"),
        (b"[" * 100_000, 400, "not valid JSON"),
        (b'{"message": {"a": 1}}', 422, "message"),
        (b'{"message": "' + b"x" * MEGABYTE + b'"}', 413, "too large"),
        (b"x" * MEGABYTE, 413, "too large"),
    ],
    ids=["cut off", "bytes", "deep", "wrong type", "a message of 1 MB", "1 MB of bytes"],
)
async def test_requests_that_cannot_be(audience: Audience, body: bytes, status: int, words: str) -> None:
    cookies = dict(audience.user.page._http.cookies)
    async with httpx.AsyncClient(base_url=audience.program.url, trust_env=False, cookies=cookies) as http:
        for path in ("/api/chat", "/api/execute_campaign"):
            answer = await http.post(path, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == status, answer.text
            if path == "/api/chat":
                assert words in answer.json()["error"]["message"]
    await alive(audience.program)


async def test_an_empty_plan(audience: Audience) -> None:
    reply = await audience.user.page.post("/api/chat", {"message": "hello"})
    assert not reply["plan_valid"]
    status, words = await refusal(audience.user.page, "/api/execute_campaign", {"plan_id": str(uuid.uuid4())})
    assert (status, words[-1]) == (404, ".")
    if reply["plan_id"]:
        status, words = await refusal(audience.user.page, "/api/execute_campaign", {"plan_id": reply["plan_id"]})
        assert status == 422
    await alive(audience.program)


async def test_a_plan_of_another_user(audience: Audience) -> None:
    plan = await audience.user.plan(f"Call Sam Field at {TONE_NUMBER} and {PURPOSE}.", **LATER)
    async with PageClient(audience.program.url) as stranger:
        await stranger.post("/api/session", {"user_name": "Nosy Parker"})
        status, words = await refusal(stranger, "/api/execute_campaign", {"plan_id": plan["plan_id"]})
        assert status == 404
        assert "Maria" not in words
        assert (await stranger.get("/api/campaigns"))["campaigns"] == []
    known = (await audience.user.page.get("/api/campaigns"))["campaigns"]
    assert plan["plan_id"] not in {campaign["plan_id"] for campaign in known}


async def test_the_same_confirmation_many_times(audience: Audience) -> None:
    user = audience.user
    plan = await user.plan(f"Call Sam Field at {UNALLOCATED_NUMBER} and {PURPOSE}.", **LATER)
    campaigns = await asyncio.gather(*(user.confirm(plan) for _ in range(CONFIRMATIONS)))
    assert len(set(campaigns)) == 1
    task = await task_that_goes_on(user, campaigns[0])
    assert await user.confirm(plan) == campaigns[0]
    assert len(await calls_of(user, task["id"])) == 1


async def test_a_number_that_nobody_has(audience: Audience) -> None:
    campaign = await start_call(audience.user, UNALLOCATED_NUMBER)
    task = await task_that_goes_on(audience.user, campaign)
    assert (task["status"], task["status_reason"]) == ("FAILED", "The number does not exist.")
    await lines_free(audience.user)
    await alive(audience.program)


@pytest.mark.parametrize("number", ["12345", "+1 202 555 01", "999-CALL-NOW"])
async def test_a_number_that_is_none(audience: Audience, number: str) -> None:
    reply = await audience.user.page.post("/api/chat", {"message": f"Call Sam Field at {number} and {PURPOSE}."})
    assert not reply["plan_valid"]
    if reply["plan_id"]:
        status, _ = await refusal(audience.user.page, "/api/execute_campaign", {"plan_id": reply["plan_id"]})
        assert status == 422


# -- the audio port


async def test_strangers_at_the_audio_port(audience: Audience) -> None:
    campaign = await start_call(audience.user, TONE_NUMBER)
    call = await call_in_progress(audience.user, campaign)
    live = b"\x01\x00\x10" + uuid.UUID(call["id"]).bytes
    strangers = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        os.urandom(5_000),
        b"\x01\x00\x10short" + bytes(5_000),
        b"\x10\xff\xff" + bytes(70_000),
        b"\x01\x00\x10" + uuid.uuid4().bytes + b"\x10\x01\x40" + bytes(320),
        live + b"\x10\x01\x40" + bytes(320),  # a second line for a call that has one
    ]
    for sent in strangers:
        reader, writer = await asyncio.open_connection("127.0.0.1", audience.audio_port)
        writer.write(sent)
        async with asyncio.timeout(DEADLINE_S):
            try:
                while await reader.read(MEGABYTE):
                    pass
            except ConnectionResetError:
                pass  # closed with our garbage unread
        writer.transport.abort()
    assert (await calls_of(audience.user, call["task_id"]))[-1]["status"] == "IN_PROGRESS"
    await audience.user.until_said("ai", "Hello")
    await audience.user.page.post(f"/api/campaigns/{campaign}/cancel")
    await alive(audience.program)


# -- providers


@dataclass(frozen=True)
class Provided:
    """The program whose voice and text providers are ours to spoil, and a user at its page."""

    program: Product
    voice: HostileRealtime
    text: HostileRelay
    user: UserAtPage


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provided(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Provided]:
    directory: Path = tmp_path_factory.mktemp("provided")
    async with OfflineProcess() as minds, hostile_realtime() as voice:
        port = httpx.URL(minds.base_url).port
        assert port is not None
        async with HostileRelay(port) as text:
            settings = {
                "OPENAI_API_KEY": "a key that must not be logged",
                "OPENAI_BASE_URL": f"http://127.0.0.1:{text.port}/v1",
                "OPENAI_REALTIME_URL": voice.url,
                "PROVIDER_TIMEOUT_MS": "2000",
            }
            async with product(directory, **settings) as program:
                await program.ready()
                async with user_at_page(program.url) as user:
                    yield Provided(program, voice, text, user)


async def voice_was_lost(user: UserAtPage, call: dict[str, Any]) -> list[str]:
    """What the call's timeline says of its voice, in the user's words."""
    told = (await user.page.get(f"/api/calls/{call['id']}"))["events"]
    return [event["detail"] for event in told if event["kind"] == "call.voice_lost"]


@pytest.mark.parametrize("greeting", [Greeting.REFUSES, Greeting.CLOSES, Greeting.SAYS_NOTHING])
async def test_a_voice_provider_that_never_begins(provided: Provided, greeting: Greeting) -> None:
    provided.voice.greeting = greeting
    try:
        campaign = await start_call(provided.user, TONE_NUMBER)
        task = await task_that_goes_on(provided.user, campaign)
    finally:
        provided.voice.greeting = Greeting.GREETS
        await part(provided.program, "voice_ai", ok=True)  # what paused dialling has been tried again
    call = (await calls_of(provided.user, task["id"]))[-1]
    assert (task["status"], task["attempts"]) == ("SCHEDULED", 0)  # nobody could talk: the attempt is not used up
    assert call["end_reason"] == VOICE_AWAY
    await lines_free(provided.user)
    await alive(provided.program)


async def test_a_voice_provider_that_goes_wrong_in_mid_call(provided: Provided) -> None:
    """Each contact of one campaign meets another way of going wrong; all of them at the same time."""
    user = provided.user
    provided.voice.manners = {name: manner for name, (_, manner) in CONTACTS.items()}
    people = "\n".join(f"{name}, {number}" for name, (number, _) in CONTACTS.items())
    plan = await user.plan(f"Please call these tenants and {PURPOSE}:\n{people}", **LATER)
    campaign = await user.confirm(plan)

    async def all_went_on() -> list[dict[str, Any]] | None:
        tasks = (await user.page.get(f"/api/campaigns/{campaign}"))["tasks"]
        called = [bool(await calls_of(user, task["id"])) for task in tasks]
        return tasks if all(called) and all(t["status"] in MOVING_ON for t in tasks) else None

    tasks = await eventually(all_went_on, 2 * DEADLINE_S)
    assert {task["contact_name"] for task in tasks} == set(CONTACTS)
    for task in tasks:
        call = (await calls_of(user, task["id"]))[-1]
        why = (task["contact_name"], call["end_reason"])
        assert task["status"] == "SCHEDULED", why
        assert (call["status"], call["end_reason"]) in (("COMPLETED", VOICE_FAILED), ("FAILED", VOICE_AWAY)), why
        assert await voice_was_lost(user, call), why
    await lines_free(user)
    await alive(provided.program)
    assert "a key that must not be logged" not in provided.program.log.read_text()


@pytest.mark.parametrize("manner", [manner for manner in Relaying if manner is not Relaying.PASSES])
async def test_a_text_provider_that_errs_in_the_chat(provided: Provided, manner: Relaying) -> None:
    """The assistant apologises, the message is kept, and the chat goes on when the provider is well."""
    page = provided.user.page
    provided.text.manner = manner
    try:
        reply = await page.post("/api/chat", {"message": f"Call Sam Field at {TONE_NUMBER} and {PURPOSE}."})
    finally:
        provided.text.manner = Relaying.PASSES
    assert provided.text.requests
    assert not reply["plan_valid"]
    again = await page.post("/api/chat", {"chat_id": reply["chat_id"], "message": "Please try again."})
    assert again["form"] or again["plan"], again
    await alive(provided.program)


async def test_a_text_provider_that_errs_after_the_call(provided: Provided) -> None:
    """The rules judge when the model cannot."""
    provided.voice.manners = {"Sam Field": Manner.TALKS}
    plan = await provided.user.plan(f"Call Sam Field at {TONE_NUMBER} and {PURPOSE}.", **LATER)
    provided.text.manner = Relaying.BYTES
    try:
        campaign = await provided.user.confirm(plan)
        task = await task_that_goes_on(provided.user, campaign, 2 * DEADLINE_S)
    finally:
        provided.text.manner = Relaying.PASSES
    call = (await calls_of(provided.user, task["id"]))[-1]
    assert call["analysis"]["by"] == "rules"
    assert call["analysis"]["fault"]
    await lines_free(provided.user)
    await alive(provided.program)
