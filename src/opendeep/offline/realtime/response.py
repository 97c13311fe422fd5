"""One response: its events from `response.created` to `response.done`, in the vendor's order.

Owns the output items of the response and how far each sentence of it got. Pure: audio comes in as samples, events go
out to the session's outbox. Part types are `audio`/`text`, item contents `output_audio`/`output_text` (A5).
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from opendeep.offline.realtime.events import Event, Ids
from opendeep.offline.realtime.items import Conversation, Item
from opendeep.offline.realtime.wish import ResponseWish

ASSISTANT_AUDIO_TOKENS_PER_S: Final = 20
USER_AUDIO_TOKENS_PER_S: Final = 10
CHARS_PER_TOKEN: Final = 4
ARGUMENT_PIECE_CHARS: Final = 64
HEARD_SHARE: Final = 0.5  # of a sentence: played so far, it counts as heard
WHOLE_SHARE: Final = 0.9  # of one that must be heard to its end: who is calling, and that it is an AI


@dataclass(slots=True)
class SpokenAct:
    """One sentence of the plan: where its audio lies in its item, in ms. `complete`: all of it was sent."""

    item_id: str
    start_ms: int
    end_ms: int
    heard_share: float
    complete: bool = False


@dataclass(slots=True)
class Usage:
    """Tokens as the vendor counts them: audio by its length, words by theirs."""

    input_text: int = 0
    input_audio: int = 0
    output_text: int = 0
    output_audio: int = 0

    def count_input(self, conversation: Conversation, instructions: str) -> None:
        """The whole conversation is read again at each response, as the vendor bills it."""
        for item in conversation:
            if item.fields.get("role") == "user":
                self.input_audio += item.audio_ms * USER_AUDIO_TOKENS_PER_S // 1000
            texts = (str(part.get("text") or part.get("transcript") or "") for part in item.fields.get("content", ()))
            self.input_text += sum(len(text) for text in texts) // CHARS_PER_TOKEN
        self.input_text += len(instructions) // CHARS_PER_TOKEN

    def as_field(self) -> dict[str, Any]:
        cached = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
        read, written = self.input_text + self.input_audio, self.output_text + self.output_audio
        return {
            "total_tokens": read + written,
            "input_tokens": read,
            "output_tokens": written,
            "input_token_details": {
                "text_tokens": self.input_text,
                "audio_tokens": self.input_audio,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": cached,
            },
            "output_token_details": {"text_tokens": self.output_text, "audio_tokens": self.output_audio},
        }


@dataclass(slots=True)
class Response:
    """A response in the making. Every method appends its events through `send`."""

    id: str
    conversation_id: str
    wish: ResponseWish
    ids: Ids
    conversation: Conversation
    send: Callable[[Event], None]
    usage: Usage = field(default_factory=Usage)
    status: str = "in_progress"
    spoken: list[SpokenAct] = field(default_factory=list)
    calls_sent: int = 0
    _cut: tuple[str, int] | None = None
    _output: list[Item] = field(default_factory=list)
    _open: Item | None = None

    @property
    def active(self) -> bool:
        return self.status == "in_progress"

    @property
    def speaks(self) -> bool:
        """True for audio, False for a response in text."""
        return "audio" in self.wish.modalities

    @property
    def audio_ms(self) -> int:
        """Audio sent so far, in ms."""
        return sum(item.audio_ms for item in self._output) + (self._open.audio_ms if self._open else 0)

    @property
    def message_ids(self) -> list[str]:
        items = [*self._output, *([self._open] if self._open else [])]
        return [item.id for item in items if item.kind == "message"]

    def heard_sentences(self) -> int:
        """How many sentences the callee heard: all that were sent, or those before the cut."""
        cut_item, cut_ms = self._cut or ("", 0)
        heard = 0
        for act in self.spoken:
            enough_ms = act.start_ms + (act.end_ms - act.start_ms) * act.heard_share
            if not act.complete or (act.item_id == cut_item and enough_ms > cut_ms):
                break
            heard += 1
        return heard

    @property
    def interrupted(self) -> bool:
        """True when the callee did not hear all of it."""
        return self.status == "cancelled" or self._cut is not None

    @property
    def over_budget(self) -> bool:
        """True when `max_output_tokens` is used up."""
        limit = self.wish.max_output_tokens
        tokens = self.audio_ms * ASSISTANT_AUDIO_TOKENS_PER_S // 1000 + self.usage.output_text
        return isinstance(limit, int) and tokens > limit

    def cut(self, item_id: str, audio_end_ms: int) -> None:
        """The client played its item only up to `audio_end_ms`."""
        self._cut = (item_id, audio_end_ms)

    def begin(self) -> None:
        """`response.created`."""
        self._emit("response.created", response=self._as_field())

    def begin_sentence(self, *, whole: bool) -> None:
        """A new sentence of the plan starts; opens the message item when none is open. `whole`: half of it is not
        enough to be heard."""
        if self._open is None:
            self._open_message()
        item, _ = self._open_part()
        share = WHOLE_SHARE if whole else HEARD_SHARE
        self.spoken.append(SpokenAct(item.id, item.audio_ms, item.audio_ms, share))

    def words(self, text: str) -> None:
        """A piece of the transcript (or of the text, in a text response)."""
        item, part = self._open_part()
        key, kind = ("transcript", "output_audio_transcript") if self.speaks else ("text", "output_text")
        delta = f" {text}" if part[key] else text
        part[key] += delta
        self.usage.output_text += max(1, len(text) // CHARS_PER_TOKEN)
        self._emit_part(f"response.{kind}.delta", item, delta=delta)

    def audio(self, pcm: bytes) -> None:
        """A piece of audio, s16le at the wire's rate."""
        item, _ = self._open_part()
        item.pcm += pcm
        item.audio_ms = len(item.pcm) * 1000 // (item.rate * 2)
        self.spoken[-1].end_ms = item.audio_ms
        wire = self.wish.audio_format.from_linear(pcm)
        self._emit_part("response.output_audio.delta", item, delta=base64.b64encode(wire).decode())

    def end_sentence(self) -> None:
        """The sentence is out completely."""
        self.spoken[-1].complete = True

    def call(self, name: str, arguments: dict[str, object]) -> None:
        """A whole function call; closes an open message first."""
        self._close_message("completed")
        text = orjson.dumps(arguments).decode()
        call_id = self.ids.new("call")
        fields = {"type": "function_call", "status": "in_progress", "call_id": call_id, "name": name, "arguments": ""}
        item = Item(self.ids.new("item"), fields)
        self._add(item)
        place = {"response_id": self.id, "item_id": item.id, "output_index": len(self._output), "call_id": call_id}
        for start in range(0, len(text), ARGUMENT_PIECE_CHARS):
            piece = text[start : start + ARGUMENT_PIECE_CHARS]
            self._emit("response.function_call_arguments.delta", **place, delta=piece)
        self._emit("response.function_call_arguments.done", **place, name=name, arguments=text)
        fields.update(arguments=text, status="completed")
        self._done(item)
        self.usage.output_text += max(1, len(text) // CHARS_PER_TOKEN)
        self.calls_sent += 1

    def finish(self, status: str, reason: str | None = None, error: dict[str, str] | None = None) -> None:
        """Close what is open and send `response.done`. Without effect on a response that is done already."""
        if not self.active:
            return
        self._close_message("completed" if status == "completed" else "incomplete")
        self.status = status
        self.usage.output_audio = self.audio_ms * ASSISTANT_AUDIO_TOKENS_PER_S // 1000
        details: dict[str, Any] | None = None
        if status != "completed":
            details = {"type": status, **({"reason": reason} if reason else {}), **({"error": error} if error else {})}
        self._emit("response.done", response=self._as_field(details=details, usage=self.usage.as_field()))

    def _open_message(self) -> None:
        content = {"type": "output_audio", "transcript": ""} if self.speaks else {"type": "output_text", "text": ""}
        fields: dict[str, Any] = {"type": "message", "role": "assistant", "status": "in_progress", "content": []}
        item = Item(self.ids.new("item"), fields, rate=self.wish.audio_format.rate)
        self._add(item)
        self._open = item
        fields["content"] = [content]
        self._emit_part("response.content_part.added", item, part=self._part(content))

    def _close_message(self, status: str) -> None:
        if self._open is None:
            return
        item, part = self._open_part()
        if self.speaks:
            self._emit_part("response.output_audio.done", item)
            self._emit_part("response.output_audio_transcript.done", item, transcript=part["transcript"])
        else:
            self._emit_part("response.output_text.done", item, text=part["text"])
        self._emit_part("response.content_part.done", item, part=self._part(part))
        item.fields["status"] = status
        self._open = None
        self._done(item)

    def _open_part(self) -> tuple[Item, dict[str, Any]]:
        if self._open is None:
            raise RuntimeError("no message item is open in this response")
        return self._open, self._open.fields["content"][0]

    @staticmethod
    def _part(content: dict[str, Any]) -> dict[str, Any]:
        kind = "audio" if content["type"] == "output_audio" else "text"
        return {**content, "type": kind}

    def _add(self, item: Item) -> None:
        self._emit("response.output_item.added", **self._place(), item=item.as_field())
        if self.wish.in_band:
            self.conversation.add(item)
            self._emit("conversation.item.added", previous_item_id=item.before, item=item.as_field())

    def _done(self, item: Item) -> None:
        self._emit("response.output_item.done", **self._place(), item=item.as_field())
        if self.wish.in_band:
            self._emit("conversation.item.done", previous_item_id=item.before, item=item.as_field())
        self._output.append(item)

    def _place(self) -> dict[str, Any]:
        return {"response_id": self.id, "output_index": len(self._output)}

    def _emit_part(self, kind: str, item: Item, **fields: Any) -> None:
        self._emit(kind, **self._place(), item_id=item.id, content_index=0, **fields)

    def _emit(self, kind: str, **fields: Any) -> None:
        self.send(self.ids.event(kind, **fields))

    def _as_field(
        self, *, details: dict[str, Any] | None = None, usage: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        output = {"format": self.wish.audio_format.as_field(), "voice": self.wish.voice}
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": details,
            "output": [item.as_field() for item in self._output],
            "conversation_id": self.conversation_id if self.wish.in_band else None,
            "output_modalities": list(self.wish.modalities),
            "max_output_tokens": self.wish.max_output_tokens,
            "audio": {"output": output},
            "metadata": self.wish.metadata,
            "usage": usage,
        }
