"""What a client asks of one response.

Owns the reading of the `response` object of `response.create`; what it leaves out comes from the session.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from opendeep.offline.minds.small_talk import Offer, read_offer
from opendeep.offline.realtime.audio_format import AudioFormat, parse_format
from opendeep.offline.realtime.events import ClientMistake
from opendeep.offline.realtime.events import field as read_field
from opendeep.offline.realtime.items import Item
from opendeep.offline.realtime.readers import (
    NO_EFFECT,
    check_choice,
    known_keys,
    read_max_tokens,
    read_modalities,
    read_tool_choice,
    read_tools,
    read_voice,
)
from opendeep.offline.realtime.settings import SessionSettings

MAX_METADATA: Final = 16
MAX_METADATA_KEY_CHARS, MAX_METADATA_VALUE_CHARS = 64, 512
MAX_INPUT_ITEMS: Final = 100

RESPONSE_KEYS: Final = frozenset(
    {"conversation", "input", "instructions", "output_modalities", "audio", "tools", "tool_choice", "metadata"}
    | {"max_output_tokens", "reasoning", "parallel_tool_calls", "prompt"}
)

ReadItem = Callable[[dict[str, Any]], Item]
"""One of the client's `input` items, a new one or a reference to one of the conversation. Raises ClientMistake."""


@dataclass(frozen=True, slots=True)
class ResponseWish:
    """What was asked of this response. `in_band` False: out of band, the conversation does not see it.

    `input`: what to answer instead of the conversation; None: the conversation.
    """

    modalities: tuple[str, ...]
    audio_format: AudioFormat
    voice: str
    speed: float = 1.0
    instructions: str = ""
    metadata: dict[str, str] | None = None
    in_band: bool = True
    max_output_tokens: int | str = "inf"
    offer: Offer = field(default_factory=Offer)
    input: tuple[Item, ...] | None = None


def read_wish(asked: dict[str, Any], settings: SessionSettings, read_item: ReadItem) -> ResponseWish:
    """The `response` object of `response.create`, filled up from the session. Raises ClientMistake."""
    known_keys(asked, RESPONSE_KEYS, "response")
    for key in NO_EFFECT.keys() & asked.keys():
        NO_EFFECT[key](asked[key], f"response.{key}")
    where = asked.get("conversation", "auto")
    if where not in ("auto", "none", None):
        raise ClientMistake("invalid_value", "conversation must be 'auto' or 'none'.", param="response.conversation")
    audio_format, voice = _read_output(asked, settings)
    modalities = asked.get("output_modalities")
    return ResponseWish(
        modalities=tuple(read_modalities(modalities) if modalities else settings.output_modalities),
        audio_format=audio_format,
        voice=voice,
        speed=settings.speed,
        instructions=read_field(asked, "instructions", str, default="", param="response.instructions"),
        metadata=_read_metadata(asked.get("metadata")),
        in_band=where != "none",
        max_output_tokens=read_max_tokens(asked.get("max_output_tokens")),
        offer=_read_offer(asked, settings),
        input=_read_input(asked, read_item),
    )


def _read_output(asked: dict[str, Any], settings: SessionSettings) -> tuple[AudioFormat, str]:
    audio = read_field(asked, "audio", dict, default={}, param="response.audio")
    known_keys(audio, {"output"}, "response.audio")
    output = read_field(audio, "output", dict, default={}, param="response.audio.output")
    known_keys(output, {"format", "voice"}, "response.audio.output")
    wanted, voice = output.get("format"), output.get("voice")
    audio_format = parse_format(wanted, "response.audio.output.format") if wanted else settings.output_format
    if voice is None:
        return audio_format, settings.voice
    read = read_voice(voice, "response.audio.output.voice")
    return audio_format, read if isinstance(read, str) else read["id"]


def _read_offer(asked: dict[str, Any], settings: SessionSettings) -> Offer:
    tools = settings.tools if asked.get("tools") is None else read_tools(asked["tools"], "response.tools")
    choice = settings.tool_choice
    if asked.get("tool_choice") is not None:
        choice = read_tool_choice(asked["tool_choice"], "response.tool_choice")
        check_choice(choice, tools, "response.tool_choice")
    return read_offer(tools, choice)


def _read_input(asked: dict[str, Any], read_item: ReadItem) -> tuple[Item, ...] | None:
    listed = read_field(asked, "input", list, default=None, param="response.input")
    if listed is None:
        return None
    if len(listed) > MAX_INPUT_ITEMS:
        raise ClientMistake("invalid_value", f"At most {MAX_INPUT_ITEMS} input items.", param="response.input")
    for at, fields in enumerate(listed):
        if not isinstance(fields, dict):
            raise ClientMistake("invalid_type", "Input items are objects.", param=f"response.input[{at}]")
    return tuple(read_item(fields) for fields in listed)


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
