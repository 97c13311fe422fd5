"""The three audio formats of the Realtime protocol: 24 kHz PCM, µ-law and A-law at 8 kHz.

Owns the conversion between wire bytes and linear samples and the arithmetic from bytes to milliseconds.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from opendeep.offline import g711
from opendeep.offline.realtime.events import ClientMistake


class AudioFormat(Enum):
    """One wire format. `rate` in Hz, `sample_bytes` on the wire."""

    PCM = ("audio/pcm", 24_000, 2)
    PCMU = ("audio/pcmu", 8_000, 1)
    PCMA = ("audio/pcma", 8_000, 1)

    def __init__(self, mime: str, rate: int, sample_bytes: int) -> None:
        self.mime = mime
        self.rate = rate
        self.sample_bytes = sample_bytes

    @property
    def bytes_per_ms(self) -> int:
        return self.rate * self.sample_bytes // 1000

    def to_linear(self, wire: bytes) -> bytes:
        """Wire bytes to s16le at `rate`."""
        if self is AudioFormat.PCMU:
            return g711.ulaw_to_linear(wire)
        return g711.alaw_to_linear(wire) if self is AudioFormat.PCMA else wire

    def from_linear(self, pcm: bytes) -> bytes:
        """s16le at `rate` to wire bytes."""
        if self is AudioFormat.PCMU:
            return g711.linear_to_ulaw(pcm)
        return g711.linear_to_alaw(pcm) if self is AudioFormat.PCMA else pcm

    def as_field(self) -> dict[str, Any]:
        """The format as it stands in a session object."""
        return {"type": self.mime, "rate": self.rate} if self is AudioFormat.PCM else {"type": self.mime}


def parse_format(value: Any, param: str) -> AudioFormat:
    """The format named by a session's `format` object. Raises ClientMistake for anything the vendor refuses."""
    if isinstance(value, dict):
        for known in AudioFormat:
            if value.get("type") == known.mime:
                if known is AudioFormat.PCM and value.get("rate", known.rate) != known.rate:
                    raise ClientMistake("invalid_value", "audio/pcm must have the rate 24000.", param=f"{param}.rate")
                return known
    supported = ", ".join(known.mime for known in AudioFormat)
    raise ClientMistake("invalid_value", f"Invalid value for '{param}'. Supported: {supported}.", param=param)
