"""What a client does with the items of the conversation: create, retrieve, truncate, delete.

Owns these four client events and the transcripts of spoken items. The session decides what a new item means for its
next turn (`created`), and what a cut means for the response that was cut (`cut`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opendeep.offline.realtime.events import ClientMistake, Event, Ids, field
from opendeep.offline.realtime.items import Conversation, Item, decode_audio, read_item
from opendeep.offline.realtime.line import BYTES_PER_MS, Line
from opendeep.offline.realtime.settings import SessionSettings


class ItemEvents:
    """The item part of one session."""

    def __init__(
        self,
        ids: Ids,
        settings: SessionSettings,
        conversation: Conversation,
        emit: Callable[..., None],
        *,
        created: Callable[[Item], None],
        cut: Callable[[str, int], None],
        deleted: Callable[[str], None],
    ) -> None:
        """`cut`: the item and its new end in ms."""
        self._ids = ids
        self._settings = settings
        self._conversation = conversation
        self._emit = emit
        self._created, self._cut, self._deleted = created, cut, deleted

    def read(self, fields: dict[str, Any]) -> Item:
        """A client's item, not yet in the conversation, its audio decoded. Raises ClientMistake."""
        item = read_item(fields, self._ids.new("item"))
        for part in item.fields.get("content", ()):
            if part["type"] == "input_audio":
                wire = decode_audio(part.pop("audio", None), "item.content.audio")
                item.pcm = Line.convert(wire, self._settings.input_format)
                item.audio_ms = len(item.pcm) // BYTES_PER_MS
        return item

    def read_input(self, fields: dict[str, Any]) -> Item:
        """An item of a response's `input`: one of the conversation, or a new one. Raises ClientMistake."""
        if fields.get("type") == "item_reference":
            return self._conversation.get(field(fields, "id", str, param="response.input.id"))
        return self.read(fields)

    def add(self, item: Item, *, after: str | None = None) -> None:
        """Into the conversation, and told."""
        self._conversation.add(item, after=after)
        for kind in ("conversation.item.added", "conversation.item.done"):
            self._emit(kind, previous_item_id=item.before, item=item.as_field())

    def create(self, event: Event) -> None:
        """`conversation.item.create`."""
        item = self.read(field(event, "item", dict))
        if item.kind == "function_call_output":
            self._conversation.name_of_call(item.fields["call_id"])
        self.add(item, after=field(event, "previous_item_id", str, default=None))
        self._created(item)

    def retrieve(self, event: Event) -> None:
        """`conversation.item.retrieve`."""
        item = self._conversation.get(field(event, "item_id", str))
        spoken = item.fields.get("role") == "assistant"
        wire_format = self._settings.output_format if spoken else self._settings.input_format
        self._emit("conversation.item.retrieved", item=item.with_audio(wire_format))

    def truncate(self, event: Event) -> None:
        """`conversation.item.truncate`."""
        item_id, end_ms = field(event, "item_id", str), field(event, "audio_end_ms", int)
        index = field(event, "content_index", int, default=0)
        if end_ms < 0:
            raise ClientMistake("invalid_value", "audio_end_ms must not be negative.", param="audio_end_ms")
        self._conversation.truncate(item_id, index, end_ms)
        self._cut(item_id, end_ms)
        self._emit("conversation.item.truncated", item_id=item_id, content_index=index, audio_end_ms=end_ms)

    def delete(self, event: Event) -> None:
        """`conversation.item.delete`."""
        item_id = field(event, "item_id", str)
        self._conversation.delete(item_id)
        self._deleted(item_id)
        self._emit("conversation.item.deleted", item_id=item_id)

    def transcribed(self, item_id: str, text: str) -> None:
        """The words of a spoken item are known: into the item, and told to a client that wants transcripts."""
        if item_id not in self._conversation:
            return
        item = self._conversation.get(item_id)
        set_transcript(item, text)
        if self._settings.transcribes:
            usage = {"type": "duration", "seconds": round(item.audio_ms / 1000, 3)}
            self._transcription(item_id, "completed", transcript=text, usage=usage)

    def not_transcribed(self, item_id: str) -> None:
        """The recogniser broke down on this item."""
        if self._settings.transcribes and item_id in self._conversation:
            message = "The utterance was not understood."
            error = {"type": "server_error", "code": "recognizer_failed", "message": message}
            self._transcription(item_id, "failed", error=error)

    def _transcription(self, item_id: str, outcome: str, **fields: Any) -> None:
        kind = f"conversation.item.input_audio_transcription.{outcome}"
        self._emit(kind, item_id=item_id, content_index=0, **fields)


def set_transcript(item: Item, text: str) -> None:
    """Write the words into the spoken parts of an item."""
    for part in item.fields.get("content", ()):
        if part["type"] == "input_audio":
            part["transcript"] = text
