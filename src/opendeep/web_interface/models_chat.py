"""The events of a streamed round of the chat, as OpenAPI tells of them. The last one is the whole reply or an error."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel

from opendeep.web_interface.api_models import UserView


class Opened(BaseModel):
    """`event: opened`, the first one: the message is kept, and this is its chat."""

    chat_id: UUID
    user: UserView


class ToolStarted(BaseModel):
    """`event: tool_started`; `tool_finished` has a `result` besides, whose `status` is found, not_found or error."""

    id: str
    name: str
    arguments: dict[str, Any]


class TextPiece(BaseModel):
    """`event: text`: the answer's text goes on. `event: text_reset` has no data: it begins anew."""

    text: str
