"""AMI on the receiving side, without I/O: bytes in, events and responses out.

Owns the cutting of the stream into packets and the reading of their headers. Lines end with CR LF and with nothing
else: a caller's name with U+2028 or U+0085 must not become a header (the library's `splitlines` makes it one).
Sockets, threads and dispatch must not live here.
"""

from dataclasses import dataclass, field

from opendeep.common.errors import TelephonyFault

MAX_PACKET_BYTES = 256 * 1024  # more than this without an empty line is no AMI
BANNER_PREFIX = "Asterisk Call Manager/"
_END_OF_PACKET = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class AmiEvent:
    """One event. Of repeated headers the first counts; names are as Asterisk writes them."""

    name: str
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, header: str, default: str = "") -> str:
        return self.headers.get(header, default)


@dataclass(frozen=True, slots=True)
class AmiResponse:
    """The answer to one action. `message` is Asterisk's own sentence."""

    status: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.status.lower() in ("success", "follows", "goodbye", "pong")

    @property
    def message(self) -> str:
        return self.headers.get("Message", self.status)

    @property
    def action_id(self) -> str:
        return self.headers.get("ActionID", "")


AmiPacket = AmiEvent | AmiResponse


class AmiReader:
    """Cuts the stream: first the banner line, then packets. The buffer is bounded; more raises `TelephonyFault`."""

    def __init__(self) -> None:
        self.banner: str | None = None
        self.unknown_packets = 0
        self._buffer = bytearray()

    def receive_data(self, data: bytes) -> list[AmiPacket]:
        """Take any number of bytes, return the packets that became complete.

        Raises `TelephonyFault` when the other side is no Asterisk Call Manager.
        """
        self._buffer += data
        if self.banner is None and not self._receive_banner():
            return []
        *complete, rest = bytes(self._buffer).split(_END_OF_PACKET)
        if complete:
            self._buffer = bytearray(rest)
        if len(self._buffer) > MAX_PACKET_BYTES:
            raise TelephonyFault("What answers at the AMI port sends packets without end.")
        packets = (self._receive_packet(raw) for raw in complete)
        return [packet for packet in packets if packet is not None]

    def _receive_banner(self) -> bool:
        line, end, rest = bytes(self._buffer).partition(b"\r\n")
        text = line.decode("utf-8", "replace")
        if not text.startswith(BANNER_PREFIX[: len(text)]) or (end and not text.startswith(BANNER_PREFIX)):
            raise TelephonyFault("What answers at the AMI port is not an Asterisk Call Manager.")
        if len(line) > MAX_PACKET_BYTES:
            raise TelephonyFault("What answers at the AMI port sends a banner without end.")
        if not end:
            return False
        self.banner = text
        self._buffer = bytearray(rest)
        return True

    def _receive_packet(self, raw: bytes) -> AmiPacket | None:
        packet = parse_packet(raw)
        if packet is None:
            self.unknown_packets += 1
        return packet


def parse_packet(raw: bytes) -> AmiPacket | None:
    """Read one packet without its empty line; None for what is neither an event nor a response."""
    first, *lines = raw.decode("utf-8", "replace").lstrip("\r\n").split("\r\n")
    kind, _, name = first.partition(":")
    headers = _parse_headers(lines)
    match kind.lower():
        case "event":
            return AmiEvent(name.strip(), headers)
        case "response":
            return AmiResponse(name.strip(), headers)
        case _:
            return None


def _parse_headers(lines: list[str]) -> dict[str, str]:
    """Of repeated headers the first counts, so the last is written first. Every event passes here: keep it fast."""
    lines.reverse()
    try:
        return dict([line.split(": ", 1) for line in lines])  # pairs, or ValueError
    except ValueError:  # a header without a space after its colon, or a line that is none
        pairs = (line.partition(":") for line in lines)
        return {header: value.strip() for header, colon, value in pairs if colon}
