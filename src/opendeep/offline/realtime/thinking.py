"""What a language model is asked for one response: the conversation as chat messages.

Owns the translation of items to messages. Who asks, and over which wire, is `minds.language_model`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from opendeep.offline.minds.small_talk import Offer
from opendeep.offline.realtime.items import Item, words_of_item
from opendeep.offline.realtime.wish import ResponseWish

MAX_MESSAGES: Final = 200
SPOKEN: Final = "This is a spoken conversation: answer in one or two short sentences, without lists or markup."


@dataclass(frozen=True, slots=True)
class Think:
    """An act: ask the language model, and say or call what it answers. `max_tokens` None: no limit."""

    messages: tuple[dict[str, Any], ...]
    offer: Offer
    max_tokens: int | None


def think(wish: ResponseWish, conversation: Iterable[Item], instructions: str) -> Think:
    """What to ask for this response. Its own instructions take the place of the session's, as the vendor has it."""
    limit = wish.max_output_tokens if isinstance(wish.max_output_tokens, int) else None
    items = conversation if wish.input is None else wish.input
    messages = chat_messages(wish.instructions or instructions, items, speaks="audio" in wish.modalities)
    return Think(messages, wish.offer, limit)


def chat_messages(instructions: str, items: Iterable[Item], *, speaks: bool) -> tuple[dict[str, Any], ...]:
    """The newest `MAX_MESSAGES` items after the instructions. A call and its output stay together or both go."""
    system = "\n\n".join(filter(None, [instructions, SPOKEN if speaks else ""]))
    messages = [message for item in items if (message := _message(item)) is not None][-MAX_MESSAGES:]
    called = {call["id"] for message in messages for call in message.get("tool_calls", ())}
    answered = {message["tool_call_id"] for message in messages if message["role"] == "tool"}
    whole = [message for message in messages if _is_whole(message, called, answered)]
    return tuple([{"role": "system", "content": system}, *whole] if system else whole)


def _is_whole(message: dict[str, Any], called: set[str], answered: set[str]) -> bool:
    if message["role"] == "tool":
        return message["tool_call_id"] in called
    return all(call["id"] in answered for call in message.get("tool_calls", ()))


def _message(item: Item) -> dict[str, Any] | None:
    fields = item.fields
    if item.kind == "function_call":
        function = {"name": fields["name"], "arguments": fields["arguments"]}
        call = {"id": fields["call_id"], "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    if item.kind == "function_call_output":
        return {"role": "tool", "tool_call_id": fields["call_id"], "content": fields["output"]}
    words = words_of_item(item)
    return {"role": fields["role"], "content": words} if words else None
