"""Trunks as `scripts/render_asterisk_conf.py` makes them, on a real Asterisk against a provider at the wire."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import pytest

from tests.support.ami_wire import WireAmi
from tests.support.asterisk import AsteriskProgram, RealAsterisk, free_port
from tests.support.audiosocket_wire import WireAudioSocket
from tests.support.sip_provider import SipProvider

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("asterisk_program")]

NUMBER = "+493012345678"
USER, PASSWORD = "line-1", "Tr0mbone=co#\\1"
STRANGER, PROVIDER = "127.0.0.3", "127.0.0.2"


def switch(**settings: str) -> AbstractAsyncContextManager[RealAsterisk]:
    return RealAsterisk(trunk=False, settings=settings)


def account(provider: SipProvider, password: str = PASSWORD, **more: str) -> Mapping[str, str]:
    return {"TRUNK_HOST": provider.address, "TRUNK_USERNAME": USER, "TRUNK_PASSWORD": password} | more


async def dial(asterisk: RealAsterisk, trunk: str = "trunk") -> str:
    """Dial out; the SIP status with which the call ended."""
    call_id = str(uuid.uuid4())
    async with (
        WireAmi(asterisk.ami_host, asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret) as ami,
        WireAudioSocket() as audio,
    ):
        await ami.originate(f"PJSIP/{NUMBER}@{trunk}", call_id, audio.port)
        return (await ami.event("Hangup", Uniqueid=call_id))["TechCause"]


async def test_a_trunk_with_an_account_registers_with_its_password_and_dials(asterisk_program: AsteriskProgram) -> None:
    async with SipProvider(accounts={USER: PASSWORD}) as provider, switch(**account(provider)) as asterisk:
        contact = await provider.until_registered(USER)
        assert contact.startswith(f"<sip:{USER}@127.0.0.1:{asterisk.sip_port}")
        assert provider.challenged == 1  # 401, then the right answer
        assert "Registered" in await asterisk.cli("pjsip show registrations")
        assert await dial(asterisk) == "404"  # what this provider says to everybody
        invite = await provider.until_invited()
        assert invite.start_line == f"INVITE sip:{NUMBER}@{provider.address} SIP/2.0"
        assert f"<sip:{USER}@" in invite.get("From")
        assert "PCMU/8000" in invite.body
        assert "telephone-event" in invite.body
        assert invite.get("Session-Expires") == "1800"


async def test_a_wrong_password_is_not_registered_and_tried_again_later() -> None:
    async with SipProvider(accounts={USER: PASSWORD}) as provider, switch(**account(provider, "wrong-one")) as asterisk:
        await provider.until_refused()
        assert provider.registered == {}
        assert "Rejected" in await asterisk.cli("pjsip show registrations")


async def test_an_account_without_registration_proves_itself_with_each_call() -> None:
    async with (
        SipProvider(accounts={USER: PASSWORD}) as provider,
        switch(**account(provider, TRUNK_REGISTER="no")) as asterisk,
    ):
        assert await dial(asterisk) == "404"
        assert len(provider.invites) == 1
        assert provider.registered == {}


async def test_calls_go_out_through_the_trunk_that_they_name() -> None:
    async with SipProvider() as first, SipProvider() as second:
        names = {"TRUNKS": "first,second-1", "TRUNK_FIRST_HOST": first.address, "TRUNK_SECOND_1_HOST": second.address}
        async with switch(**names) as asterisk:
            assert await dial(asterisk, "second-1") == "404"
            assert (len(first.invites), len(second.invites)) == (0, 1)
            assert await dial(asterisk, "first") == "404"
            assert (len(first.invites), len(second.invites)) == (1, 1)


async def test_a_silent_server_is_noticed_and_then_a_call_fails_at_once() -> None:
    """Without a channel and without a Hangup, exactly as if there were no such endpoint."""
    call_id = str(uuid.uuid4())
    async with SipProvider() as provider, switch(TRUNK_HOST=provider.address) as asterisk:
        provider.away = True
        address = asterisk.ami_host, asterisk.ami_port, asterisk.ami_username, asterisk.ami_secret
        async with WireAmi(*address) as ami, WireAudioSocket() as audio:
            await ami.send("PJSIPQualify", Endpoint="trunk")
            await ami.event("ContactStatus", ContactStatus="Unreachable")
            await ami.originate(f"PJSIP/{NUMBER}@trunk", call_id, audio.port, 20_000)
            failed = await ami.event("OriginateResponse", Uniqueid=call_id)
            assert (failed["Response"], failed["Reason"]) == ("Failure", "0")
            assert not [event for event in ami.events if event["Event"] == "Newchannel"]


@pytest.mark.parametrize("number", [NUMBER, "00493012345678", "600", "7000", "s"])
async def test_nobody_dials_out_through_us(number: str) -> None:
    """The trunk's own calls are refused politely (480), a stranger's as if the secret were wrong (401)."""
    async with (
        SipProvider(PROVIDER) as provider,
        SipProvider(STRANGER) as stranger,
        switch(TRUNK_HOST=provider.address) as asterisk,
    ):
        there = ("127.0.0.1", asterisk.sip_port)
        assert await provider.call(there, number) == 480
        assert await stranger.call(there, number) == 401
        assert await stranger.call(there, number, user="7000", secret="not-the-phone-secret") == 401
        assert provider.invites == []
        assert "0 active channels" in await asterisk.cli("core show channels")


async def test_the_softphone_hears_itself_and_cannot_dial_out() -> None:
    async with (
        SipProvider(PROVIDER) as provider,
        SipProvider() as phone,
        switch(TRUNK_HOST=provider.address) as asterisk,
    ):
        there = ("127.0.0.1", asterisk.sip_port)
        assert await phone.call(there, NUMBER, user="7000", secret=asterisk.phone_secret) == 404
        assert await phone.call(there, "600", user="7000", secret=asterisk.phone_secret) == 200
        assert provider.invites == []
        await asterisk.cli("channel request hangup all")


async def test_the_softphone_is_only_let_in_from_its_networks() -> None:
    async with SipProvider(STRANGER) as elsewhere, switch(PHONE_PERMIT="127.0.0.1/32") as asterisk:
        there = ("127.0.0.1", asterisk.sip_port)
        assert await elsewhere.call(there, "600", user="7000", secret=asterisk.phone_secret) in (401, 403)


async def test_behind_nat_the_provider_is_told_the_public_address() -> None:
    nat = {"EXTERNAL_ADDRESS": "203.0.113.5", "LOCAL_NET": "127.0.0.1/32,10.0.0.0/8"}
    async with SipProvider(PROVIDER) as provider, switch(TRUNK_HOST=provider.address, **nat) as asterisk:
        assert await dial(asterisk) == "404"
        invite = await provider.until_invited()
        assert "c=IN IP4 203.0.113.5" in invite.body
        assert "@203.0.113.5:" in invite.get("Contact")
        assert "203.0.113.5" in invite.get("Via")


async def test_a_trunk_over_tls_is_loaded_with_encrypted_sound() -> None:
    tls = {
        "TRUNK_HOST": "127.0.0.1:5071",
        "TRUNK_TRANSPORT": "tls",
        "TRUNK_SRTP": "yes",
        "SIP_TLS_PORT": str(free_port()),
    }
    async with switch(**tls) as asterisk:
        assert "transport-tls" in await asterisk.cli("pjsip show transports")
        endpoint = await asterisk.cli("pjsip show endpoint trunk")
        assert "media_encryption                   : sdes" in endpoint
        assert "transport=tls" in endpoint
        assert "ERROR" not in asterisk.log()
