"""What we read of a Chat Completions answer, checked. The SDK builds its objects without looking, so that a server with
other ideas of the shape would surface as an AttributeError anywhere; here it is one `ProviderFault`.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from opendeep.common.errors import ProviderFault


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)


class FunctionCall(_Answer):
    """`arguments` is the model's JSON text, possibly broken."""

    name: str
    arguments: str = ""


class ToolCall(_Answer):
    id: str
    type: str = "function"
    function: FunctionCall | None = None  # other types than "function" have none


class ReplyMessage(_Answer):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class Reply(_Answer):
    """One choice."""

    message: ReplyMessage
    finish_reason: str | None = None


class _Completion(_Answer):
    choices: Annotated[list[Reply], Field(min_length=1)]


def first_choice(completion: Any) -> Reply:
    """The first choice of what the SDK returned, whatever that is. Raises `ProviderFault`."""
    try:
        return _Completion.model_validate(completion).choices[0]
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "all of it"
        raise ProviderFault(f"The language model's answer has another shape than expected ({where}).") from error
