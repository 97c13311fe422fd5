"""SIP, RTP and µ-law of the simulation's own telephones, against the tests' own readings of the standards."""

from __future__ import annotations

import pytest

from opendeep.simulation import g711_wire, sip_wire
from tests.support import audio
from tests.support.sip_message import SipMessage as OtherMessage

INVITE = (
    "INVITE sip:+12025550101@127.0.0.1:5099 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\n"
    "Record-Route: <sip:127.0.0.1:5060;lr>\r\n"
    "From: <sip:7000@127.0.0.1>;tag=a\r\nTo: <sip:+12025550101@127.0.0.1:5099>\r\n"
    "Call-ID: one\r\nCSeq: 7 INVITE\r\nContact: <sip:asterisk@127.0.0.1:5060>\r\nContent-Length: 0\r\n\r\n"
)
OFFER = "v=0\r\nc=IN IP4 10.0.0.9\r\nm=audio 4000 RTP/AVP 8 0 96\r\na=rtpmap:96 telephone-event/8000\r\n"


def test_a_request_is_read_and_answered_so_that_another_reader_understands_it() -> None:
    request = sip_wire.parse(INVITE.encode())
    assert (request.method, request.number, request.get("call-id")) == ("INVITE", "+12025550101", "one")
    answer = OtherMessage.parse(sip_wire.response(request, 486, "t", "sip:x@127.0.0.1:5099").encode())
    assert answer.status == 486
    assert answer.get("To").endswith(";tag=t")
    assert answer.get("Record-Route") == "<sip:127.0.0.1:5060;lr>"
    assert answer.get("CSeq") == "7 INVITE"


def test_the_callee_ends_the_dialog_with_the_caller_as_its_target() -> None:
    invite = sip_wire.parse(INVITE.encode())
    bye = OtherMessage.parse(sip_wire.bye(invite, "t", "sip:x@127.0.0.1:5099", "SIP/2.0/UDP h;branch=b", 1).encode())
    assert bye.start_line == "BYE sip:asterisk@127.0.0.1:5060 SIP/2.0"
    assert bye.get("From") == "<sip:+12025550101@127.0.0.1:5099>;tag=t"
    assert bye.get("To") == "<sip:7000@127.0.0.1>;tag=a"
    assert bye.get("Route") == "<sip:127.0.0.1:5060;lr>"


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xfe\x00", INVITE.encode()[:40]])
def test_what_is_no_sip_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no SIP message"):
        sip_wire.parse(data)


def test_the_offer_says_where_sound_goes_and_how_keys_are_sent() -> None:
    assert sip_wire.sound_address(OFFER) == ("10.0.0.9", 4000)
    assert sip_wire.event_payload(OFFER) == 96
    assert sip_wire.sound_address(sip_wire.sound_offer("127.0.0.1", 4002)) == ("127.0.0.1", 4002)


def test_an_offer_without_mulaw_is_of_no_use() -> None:
    with pytest.raises(ValueError, match="µ-law"):
        sip_wire.sound_address("c=IN IP4 10.0.0.9\r\nm=audio 4000 RTP/AVP 8\r\n")


def test_mulaw_is_that_of_the_standard() -> None:
    codes = bytes(range(256))
    assert g711_wire.mulaw_to_pcm(codes) == audio.mulaw_decode(codes)
    ramp = b"".join(sample.to_bytes(2, "little", signed=True) for sample in range(-32_768, 32_768, 7))
    assert g711_wire.pcm_to_mulaw(ramp) == audio.mulaw_encode(ramp)
