"""What a client asks of one response.

Owns the reading of the `response` object of `response.create`; what it leaves out comes from the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from opendeep.offline.realtime.audio_format import AudioFormat, parse_format
from opendeep.offline.realtime.events import ClientMistake, field
from opendeep.offline.realtime.settings import SessionSettings, read_max_tokens, read_modalities, read_tools

MAX_METADATA: Final = 16
MAX_METADATA_KEY_CHARS, MAX_METADATA_VALUE_CHARS = 64, 512


@dataclass(frozen=True, slots=True)
class ResponseWish:
    """What was asked of this response. `in_band` False: out of band, the conversation does not see it."""

    modalities: tuple[str, ...]
    audio_format: AudioFormat
    voice: str
    instructions: str = ""
    metadata: dict[str, str] | None = None
    in_band: bool = True
    max_output_tokens: int | str = "inf"


def read_wish(asked: dict[str, Any], settings: SessionSettings) -> ResponseWish:
    """The `response` object of `response.create`, filled up from the session. Raises ClientMistake."""
    read_tools(asked.get("tools"))
    where = asked.get("conversation", "auto")
    if where not in ("auto", "none", None):
        raise ClientMistake("invalid_value", "conversation must be 'auto' or 'none'.", param="response.conversation")
    field(asked, "input", list, default=[], param="response.input")
    output = field(field(asked, "audio", dict, default={}), "output", dict, default={})
    modalities = asked.get("output_modalities")
    wanted_format = output.get("format")
    return ResponseWish(
        modalities=tuple(read_modalities(modalities) if modalities else settings.output_modalities),
        audio_format=parse_format(wanted_format, "response.audio.output.format")
        if wanted_format
        else settings.output_format,
        voice=str(output.get("voice") or settings.voice),
        instructions=field(asked, "instructions", str, default="", param="response.instructions"),
        metadata=_read_metadata(asked.get("metadata")),
        in_band=where != "none",
        max_output_tokens=read_max_tokens(asked.get("max_output_tokens")),
    )


def _read_metadata(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    fits = (
        isinstance(value, dict)
        and len(value) <= MAX_METADATA
        and all(
            isinstance(item, str) and len(key) <= MAX_METADATA_KEY_CHARS and len(item) <= MAX_METADATA_VALUE_CHARS
            for key, item in value.items()
        )
    )
    if not fits:
        text = f"metadata holds at most {MAX_METADATA} texts of {MAX_METADATA_VALUE_CHARS} characters."
        raise ClientMistake("invalid_value", text, param="response.metadata")
    return dict(value)
