"""SIP as text in and text out, as far as a telephone that is called needs it (RFC 3261, RFC 4566). Pure.

Owns messages, answers to requests, and the offer of sound. Dialogs and time live in `sip_leg`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_MESSAGE_BYTES = 65_507
REASONS = {
    100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 400: "Bad Request", 403: "Forbidden",
    404: "Not Found", 408: "Request Timeout", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 501: "Not Implemented",
    503: "Service Unavailable", 603: "Decline",
}  # fmt: skip
TELEPHONE_EVENT = 101
PCMU = 0


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A start line, headers in their order, a body."""

    start_line: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    @property
    def method(self) -> str:
        """The method of a request; empty for a response."""
        return "" if self.status else self.start_line.partition(" ")[0]

    @property
    def status(self) -> int:
        """The status of a response; 0 for a request."""
        return int(self.start_line.split(" ")[1]) if self.start_line.startswith("SIP/2.0 ") else 0

    @property
    def number(self) -> str:
        """The user part of the request's URI, with its plus."""
        uri = self.start_line.split(" ")[1] if self.start_line.count(" ") >= 2 else ""
        return uri.removeprefix("sip:").partition("@")[0].partition(";")[0].replace("%2B", "+")

    def get(self, name: str) -> str:
        """The first header of that name; empty when there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def encode(self) -> bytes:
        lines = [self.start_line, *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, f"Content-Length: {len(self.body.encode())}", "", self.body]).encode()


def parse(data: bytes) -> SipMessage:
    """Read one datagram. Raises ValueError when it is not SIP."""
    head, separator, body = data.decode("utf-8", errors="replace").partition("\r\n\r\n")
    start_line, *lines = head.split("\r\n")
    if not separator or not re.search(r"(^SIP/2\.0 [1-6]\d\d )|( SIP/2\.0$)", start_line):
        raise ValueError(f"no SIP message: {data[:60]!r}")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return SipMessage(start_line, tuple((name.strip(), value.strip()) for name, _, value in pairs), body)


def response(request: SipMessage, status: int, tag: str, contact: str, sdp: str = "") -> SipMessage:
    """Answer a request; every status but 100 carries our tag (RFC 3261 §8.2.6.2)."""
    to = request.get("To")
    if status > 100 and ";tag=" not in to:
        to += f";tag={tag}"
    same = ("via", "record-route")
    headers = [(name, value) for name, value in request.headers if name.lower() in same]
    headers += [("From", request.get("From")), ("To", to), ("Call-ID", request.get("Call-ID"))]
    headers += [("CSeq", request.get("CSeq")), ("Contact", f"<{contact}>")]
    headers += [("Content-Type", "application/sdp")] if sdp else []
    return SipMessage(f"SIP/2.0 {status} {REASONS[status]}", tuple(headers), sdp)


def bye(invite: SipMessage, tag: str, contact: str, via: str, sequence: int) -> SipMessage:
    """End the dialog that `invite` began, from the side that was called (RFC 3261 §12.2.1.1, §15)."""
    routes = [("Route", value) for name, value in invite.headers if name.lower() == "record-route"]
    headers = (
        ("Via", via),
        ("Max-Forwards", "70"),
        ("From", f"{invite.get('To')};tag={tag}"),
        ("To", invite.get("From")),
        ("Call-ID", invite.get("Call-ID")),
        ("CSeq", f"{sequence} BYE"),
        ("Contact", f"<{contact}>"),
        *routes,
    )
    return SipMessage(f"BYE {_uri(invite.get('Contact'))} SIP/2.0", headers)


def sound_offer(host: str, port: int) -> str:
    """A telephone that speaks µ-law and sends keys as events, 20 ms a packet."""
    lines = (
        "v=0", f"o=callee 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0",
        f"m=audio {port} RTP/AVP {PCMU} {TELEPHONE_EVENT}", "a=rtpmap:0 PCMU/8000",
        f"a=rtpmap:{TELEPHONE_EVENT} telephone-event/8000", f"a=fmtp:{TELEPHONE_EVENT} 0-15", "a=ptime:20",
        "a=sendrecv",
    )  # fmt: skip
    return "\r\n".join(lines) + "\r\n"


def sound_address(sdp: str) -> tuple[str, int]:
    """Where the other side wants our sound. Raises ValueError when it does not say, or takes no µ-law."""
    host = re.search(r"^c=IN IP4 (\S+)", sdp, re.MULTILINE)
    media = re.search(r"^m=audio (\d+) RTP/AVP((?: \d+)+)", sdp, re.MULTILINE)
    if host is None or media is None or str(PCMU) not in media[2].split():
        raise ValueError("the offer has no address for µ-law sound")
    return host[1], int(media[1])


def event_payload(sdp: str) -> int:
    """The payload type of telephone events in the offer; the usual one when it has none."""
    found = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", sdp, re.MULTILINE | re.IGNORECASE)
    return int(found[1]) if found else TELEPHONE_EVENT


def _uri(header: str) -> str:
    found = re.search(r"<([^>]+)>", header)
    return found[1] if found else header.partition(";")[0].strip()
