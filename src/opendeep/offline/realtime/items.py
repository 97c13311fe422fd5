"""The conversation: its items in order, and what a client may do with them.

Owns create, retrieve, truncate, delete and the shapes of items. Audio is kept as s16le with its rate, bounded: beyond
`MAX_KEPT_AUDIO_BYTES` the oldest items lose their audio first (their words stay); beyond `MAX_ITEMS` the oldest items
go.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from opendeep.offline.realtime.audio_format import AudioFormat
from opendeep.offline.realtime.events import ClientMistake, field

MAX_ITEMS: Final = 1_000
MAX_KEPT_AUDIO_BYTES: Final = 8 * 1024 * 1024
MAX_RETRIEVED_AUDIO_BYTES: Final = 640 * 1024  # base64 of it stays under the 1 MiB that common clients accept
MAX_ITEM_ID_CHARS: Final = 64

_PARTS_OF_ROLE: Final[dict[str, tuple[str, ...]]] = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio", "input_image"),
    "assistant": ("output_text", "output_audio", "input_text"),
}


@dataclass(slots=True)
class Item:
    """One item. `fields` is the wire shape without audio; `pcm` at `rate` Hz its audio, `kept` False once dropped."""

    id: str
    fields: dict[str, Any]
    pcm: bytes = b""
    rate: int = 8_000
    audio_ms: int = 0
    before: str | None = None  # id of the item before it, when it came in

    @property
    def kind(self) -> str:
        return str(self.fields["type"])

    def as_field(self) -> dict[str, Any]:
        """The item for an event: a copy, without audio."""
        fields = {**self.fields, "id": self.id, "object": "realtime.item"}
        if "content" in fields:
            fields["content"] = [dict(part) for part in fields["content"]]
        return fields

    def with_audio(self, audio_format: AudioFormat) -> dict[str, Any]:
        """The item for `conversation.item.retrieved`: with as much of its audio as a message may carry."""
        fields = self.as_field()
        wire = audio_format.from_linear(self.pcm) if self.rate == audio_format.rate else self.pcm
        for part in fields.get("content", ()):
            if part["type"] in ("input_audio", "output_audio") and self.pcm:
                part["audio"] = base64.b64encode(wire[:MAX_RETRIEVED_AUDIO_BYTES]).decode()
                break
        return fields


class Conversation:
    """The items of the default conversation, oldest first."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    def __contains__(self, item_id: str) -> bool:
        return any(item.id == item_id for item in self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @property
    def last_id(self) -> str | None:
        return self._items[-1].id if self._items else None

    def add(self, item: Item, *, after: str | None = None) -> None:
        """Insert after the item `after` ("root": first; None: last).

        Raises ClientMistake for an id that exists already or an unknown `after`.
        """
        if item.id in self:
            raise ClientMistake("item_create_duplicate_item_id", f"Item '{item.id}' exists already.", param="item.id")
        place = len(self._items)
        if after == "root":
            place = 0
        elif after is not None:
            place = self._index(after, "item_create_invalid_previous_item_id", "previous_item_id") + 1
        self._items.insert(place, item)
        item.before = self._items[place - 1].id if place else None
        self._bound()

    def get(self, item_id: str, code: str = "item_retrieve_invalid_item_id") -> Item:
        """The item. Raises ClientMistake with `code`."""
        return self._items[self._index(item_id, code, "item_id")]

    def delete(self, item_id: str) -> None:
        """Take the item out. Raises ClientMistake."""
        del self._items[self._index(item_id, "item_delete_invalid_item_id", "item_id")]

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut an assistant's audio at `audio_end_ms`, and its transcript with it. Raises ClientMistake."""
        item = self.get(item_id, "item_truncate_invalid_item_id")
        content = item.fields.get("content", [])
        speech = item.fields.get("role") == "assistant" and 0 <= content_index < len(content)
        if not speech or content[content_index]["type"] != "output_audio":
            raise ClientMistake("invalid_value", "Only assistant audio can be truncated.", param="item_id")
        if audio_end_ms > item.audio_ms:
            message = f"Audio content of {item.audio_ms}ms is already shorter than {audio_end_ms}ms"
            raise ClientMistake("invalid_value", message, param="audio_end_ms")
        transcript = str(content[content_index].get("transcript") or "")
        kept = transcript[: len(transcript) * audio_end_ms // max(item.audio_ms, 1)]
        content[content_index]["transcript"] = kept if kept == transcript else kept.rpartition(" ")[0]
        item.audio_ms = audio_end_ms
        item.pcm = item.pcm[: audio_end_ms * item.rate // 1000 * 2]

    def name_of_call(self, call_id: str) -> str:
        """The function behind a `call_id`. Raises ClientMistake when nobody called it."""
        for item in reversed(self._items):
            if item.kind == "function_call" and item.fields.get("call_id") == call_id:
                return str(item.fields["name"])
        raise ClientMistake(
            "invalid_tool_call_id", f"Tool call ID '{call_id}' not found in conversation.", param="call_id"
        )

    def _index(self, item_id: str, code: str, param: str) -> int:
        for index, item in enumerate(self._items):
            if item.id == item_id:
                return index
        raise ClientMistake(code, f"Item with item_id '{item_id}' not found.", param=param)

    def _bound(self) -> None:
        del self._items[: max(0, len(self._items) - MAX_ITEMS)]
        kept = sum(len(item.pcm) for item in self._items)
        for item in self._items:
            if kept <= MAX_KEPT_AUDIO_BYTES:
                break
            kept -= len(item.pcm)
            item.pcm = b""


def read_item(fields: Mapping[str, Any], new_id: str) -> Item:
    """A client's item, checked, with its own id or `new_id`. Raises ClientMistake."""
    source = dict(fields)
    item_id = field(source, "id", str, default=new_id, param="item.id")
    if not 0 < len(item_id) <= MAX_ITEM_ID_CHARS:
        raise ClientMistake("invalid_value", f"item.id must have 1 to {MAX_ITEM_ID_CHARS} characters.", param="item.id")
    kind = field(source, "type", str, param="item.type")
    if kind == "message":
        return Item(item_id, _message(source))
    if kind == "function_call_output":
        wire = {name: field(source, name, str, param=f"item.{name}") for name in ("call_id", "output")}
    elif kind == "function_call":
        wire = {name: field(source, name, str, param=f"item.{name}") for name in ("name", "arguments")}
        wire["call_id"] = field(source, "call_id", str, default=item_id, param="item.call_id")
    else:
        raise ClientMistake("invalid_value", f"Items of type '{kind}' are not supported here.", param="item.type")
    return Item(item_id, {"type": kind, "status": "completed", **wire})


def _message(source: dict[str, Any]) -> dict[str, Any]:
    role = field(source, "role", str, param="item.role")
    if role not in _PARTS_OF_ROLE:
        raise ClientMistake("invalid_value", f"Role '{role}' is not known.", param="item.role")
    content = []
    for at, part in enumerate(field(source, "content", list, param="item.content")):
        if not isinstance(part, dict) or part.get("type") not in _PARTS_OF_ROLE[role]:
            allowed = ", ".join(_PARTS_OF_ROLE[role])
            raise ClientMistake(
                "invalid_value", f"A {role} message holds only: {allowed}.", param=f"item.content[{at}].type"
            )
        content.append(
            {name: value for name, value in part.items() if name != "audio" or part["type"] == "input_audio"}
        )
    return {"type": "message", "role": role, "status": "completed", "content": content}


def decode_audio(text: Any, param: str) -> bytes:
    """Base64 audio of a client. Raises ClientMistake."""
    if not isinstance(text, str):
        raise ClientMistake("missing_required_parameter", f"Missing required parameter: '{param}'.", param=param)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ClientMistake("invalid_value", f"'{param}' is not valid base64.", param=param) from error


def words_of_item(item: Item) -> str:
    """What was written or understood in a message item."""
    parts = (str(part.get("text") or part.get("transcript") or "") for part in item.fields.get("content", ()))
    return " ".join(" ".join(parts).split())
