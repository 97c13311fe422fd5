"""A set of tools as a model sees it: names, schemas, checked arguments, deadlines, faults as results.

Owns nothing of what a tool does. Never raises for what the model did wrong or a part that is away: the result says it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from opendeep.common.errors import PeerFault, UserMistake
from opendeep.common.plain_text import plain

log = structlog.get_logger(__name__)

DEADLINE_S: Final = 15.0
MAX_FIELD_CHARS: Final = 300

Result = dict[str, Any]


class Arguments(BaseModel):
    """What a tool takes. Unknown names are refused: a model that made one up must hear it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


@dataclass(frozen=True, slots=True)
class Tool:
    """`run` gets an instance of `arguments`."""

    name: str
    description: str
    arguments: type[Arguments]
    run: Callable[[Any], Awaitable[Result]]

    def definition(self) -> dict[str, Any]:
        schema = self.arguments.model_json_schema()
        properties = {name: _bare(value) for name, value in schema.get("properties", {}).items()}
        parameters = {
            "type": "object",
            "properties": properties,
            "required": schema.get("required", []),
            "additionalProperties": False,
        }
        return {"name": self.name, "description": self.description, "parameters": parameters}


class ToolSet:
    """Tools by their names."""

    def __init__(self, tools: Sequence[Tool], deadline_s: float = DEADLINE_S) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._deadline_s = deadline_s

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    def tool_definitions(self) -> list[dict[str, Any]]:
        return [tool.definition() for tool in self._tools.values()]

    async def call(self, name: str, arguments: Any) -> Result:
        """Run one tool. `status` of the result is found, not_found or error (with `detail`)."""
        tool = self._tools.get(name)
        if tool is None:
            return failed(f"There is no tool “{name[:60]}”.")
        try:
            async with asyncio.timeout(self._deadline_s):
                return await tool.run(tool.arguments.model_validate(arguments))
        except ValidationError as error:
            mistake = error.errors(include_url=False)[0]
            return failed(f"{'.'.join(str(part) for part in mistake['loc'])}: {mistake['msg']}")
        except UserMistake as mistake:
            return failed(str(mistake))
        except PeerFault as fault:
            log.warning("tool.failed", tool=name, error=str(fault))
            return failed("This cannot be looked up at the moment.")
        except TimeoutError:
            log.warning("tool.timeout", tool=name, deadline_s=self._deadline_s)
            return failed("The look-up took too long.")


def failed(detail: str) -> Result:
    return {"status": "error", "detail": detail}


def short(text: str | None, most: int = MAX_FIELD_CHARS) -> str | None:
    """One line of at most `most` characters, None for nothing."""
    return " ".join(plain(text).split())[:most] or None if text else None


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing to a model: titles and defaults; `X | None` as a list of types."""
    kept = {key: value for key, value in schema.items() if key not in ("title", "default")}
    if (either := kept.pop("anyOf", None)) and all(set(one) <= {"type", "maxLength", "minLength"} for one in either):
        kept["type"] = [one["type"] for one in either]
    elif either:
        kept["anyOf"] = either
    return kept
