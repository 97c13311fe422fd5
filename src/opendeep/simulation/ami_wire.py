"""The Asterisk Manager Interface as text, from the server: bytes in, actions out; responses and events to bytes.

Owns framing only, and is as naive as the real one: a header is a line, so CR/LF inside a value starts a new header,
and an empty line a new action. What an action means must not live here.
Limits are Asterisk's own (`main/manager.c`: 1,024 characters a line, `AST_MAX_MANHEADERS` 128).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
MAX_LINE_BYTES = 1024
MAX_HEADERS = 128

Headers = Mapping[str, object] | Iterable[tuple[str, object]]


@dataclass(frozen=True, slots=True)
class AmiRequest:
    """One action as it arrived: headers in order, names as written (they compare without case)."""

    headers: tuple[tuple[str, str], ...]

    def get(self, name: str, default: str = "") -> str:
        """Return the first header called `name`, as `astman_get_header` does, or `default`."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), default)

    def get_all(self, name: str) -> tuple[str, ...]:
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == wanted)

    @property
    def action(self) -> str:
        return self.get("Action")

    @property
    def action_id(self) -> str:
        return self.get("ActionID")


class AmiReader:
    """Cuts a byte stream into requests. A line over the limit is dropped; headers over the limit are ignored."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._headers: list[tuple[str, str]] = []
        self._skipping_line = False
        self.dropped_lines = 0

    def receive_data(self, data: bytes) -> list[AmiRequest]:
        """Take any number of bytes and return the requests that became complete."""
        self._buffer += data
        requests: list[AmiRequest] = []
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            request = self._receive_line(line)
            if request is not None:
                requests.append(request)
        if len(self._buffer) > MAX_LINE_BYTES:
            self._buffer.clear()
            self._skipping_line = True
        return requests

    def _receive_line(self, line: bytes) -> AmiRequest | None:
        if self._skipping_line or len(line) > MAX_LINE_BYTES:
            self._skipping_line = False
            self.dropped_lines += 1
            return None
        if line:
            self._receive_header(line.decode("utf-8", errors="replace"))
            return None
        if not self._headers:
            return None
        request = AmiRequest(tuple(self._headers))
        self._headers = []
        return request

    def _receive_header(self, line: str) -> None:
        if len(self._headers) < MAX_HEADERS:
            name, _, value = line.partition(":")
            self._headers.append((name.strip(), value.strip()))


def encode_packet(headers: Headers) -> bytes:
    """Return one response or event as it goes over the wire (CRLF lines, an empty line at the end)."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    lines = [f"{name}: {value}" for name, value in pairs]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", errors="replace")


def split_arguments(text: str) -> list[str]:
    """Split as `AST_STANDARD_APP_ARGS` does: at commas outside of quotes and parentheses; a backslash escapes."""
    parts: list[str] = [""]
    depth, quoted, escaped = 0, False, False
    for character in text:
        if escaped:
            parts[-1] += character
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted and depth == 0:
            parts.append("")
        else:
            depth += (character == "(") - (character == ")" and depth > 0)
            parts[-1] += character
    return parts
