"""SIP requests and responses as text in and text out: the few parts of RFC 3261 that a callee needs.

Independent of the product. Must not do I/O.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

REASONS = {
    100: "Trying",
    180: "Ringing",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    302: "Moved Temporarily",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    407: "Proxy Authentication Required",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    501: "Not Implemented",
    503: "Service Unavailable",
    603: "Decline",
}


@dataclass(frozen=True)
class SipMessage:
    """A start line, headers in their order, a body."""

    start_line: str
    headers: tuple[tuple[str, str], ...]
    body: str = ""

    @classmethod
    def parse(cls, data: bytes) -> SipMessage:
        """Read one datagram; raises ValueError when it is not SIP."""
        head, separator, body = data.decode("utf-8").partition("\r\n\r\n")
        start_line, *lines = head.split("\r\n")
        if not separator or "SIP/2.0" not in start_line:
            raise ValueError(f"not a SIP message: {data[:80]!r}")
        pairs = (line.partition(":") for line in lines)
        return cls(start_line, tuple((name.strip(), value.strip()) for name, _, value in pairs), body)

    @property
    def method(self) -> str:
        """The request's method; empty for a response."""
        return "" if self.status else self.start_line.split(" ", 1)[0]

    @property
    def status(self) -> int:
        """The response's status; 0 for a request."""
        return int(self.start_line.split(" ")[1]) if self.start_line.startswith("SIP/2.0 ") else 0

    def get(self, name: str) -> str:
        """The first header of that name; empty when there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def get_all(self, name: str) -> list[str]:
        """All headers of that name, in their order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def encode(self) -> bytes:
        """The datagram, with its Content-Length."""
        lines = [self.start_line, *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, f"Content-Length: {len(self.body)}", "", self.body]).encode()


def response(request: SipMessage, status: int, tag: str, contact: str, sdp: str = "") -> SipMessage:
    """Answer a request; every status but 100 carries our tag (RFC 3261 section 8.2.6.2)."""
    recipient = request.get("To")
    if status > 100 and ";tag=" not in recipient:
        recipient += f";tag={tag}"
    headers = [("Via", value) for value in request.get_all("Via")]
    headers += [("Record-Route", value) for value in request.get_all("Record-Route")]
    headers += [("From", request.get("From")), ("To", recipient), ("Call-ID", request.get("Call-ID"))]
    headers += [("CSeq", request.get("CSeq")), ("Contact", f"<{contact}>")]
    if sdp:
        headers.append(("Content-Type", "application/sdp"))
    return SipMessage(f"SIP/2.0 {status} {REASONS[status]}", tuple(headers), sdp)


def offer_of_sound(port: int) -> str:
    """The SDP of a callee that speaks mu-law and telephone events on a port of loopback (RFC 4566, RFC 4733)."""
    lines = [
        "v=0",
        "o=callee 1 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        f"m=audio {port} RTP/AVP 0 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
    ]
    return "\r\n".join(lines) + "\r\n"


def sound_address(sdp: str) -> tuple[str, int]:
    """Where the other side wants to hear us; raises ValueError when the SDP does not say."""
    host = re.search(r"^c=IN IP4 (\S+)", sdp, re.MULTILINE)
    port = re.search(r"^m=audio (\d+)", sdp, re.MULTILINE)
    if host is None or port is None:
        raise ValueError(f"no address for sound in {sdp!r}")
    return host[1], int(port[1])


def uri_in(header: str) -> str:
    """The URI inside a Contact, From or To header."""
    match = re.search(r"<([^>]+)>", header)
    return match[1] if match else header.split(";", 1)[0].strip()


def digest(challenge: str, *, username: str, secret: str, method: str, uri: str) -> str:
    """The Authorization header that answers a WWW-Authenticate challenge (RFC 2617 section 3.2.2, MD5, qop=auth)."""
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))

    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    secret_hash = md5(f"{username}:{fields['realm']}:{secret}")
    answer = md5(f"{secret_hash}:{fields['nonce']}:00000001:c0ffee:auth:{md5(f'{method}:{uri}')}")
    return (
        f'Digest username="{username}", realm="{fields["realm"]}", nonce="{fields["nonce"]}", uri="{uri}", '
        f'response="{answer}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c0ffee"'
        + (f', opaque="{fields["opaque"]}"' if "opaque" in fields else "")
    )
