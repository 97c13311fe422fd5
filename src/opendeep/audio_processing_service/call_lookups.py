"""The tools `get_authoritative_business_info` and `search_internet` while the callee waits: few seconds, few words.

What is looked up, and where, is the composition root's (`Lookups`); here are the deadline and the size. What comes back
is information from strangers: it is cut, never followed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from opendeep.audio_processing_service.tool_ground import Output, ToolRequest, failed

LOOKUP_DEADLINE_S: Final = 6.0
MAX_TEXT_CHARS: Final = 1_200
MAX_FIELD_CHARS: Final = 200
MAX_ENTRIES: Final = 3
SPOKEN_FIELDS: Final = ("name", "phone_number", "address", "open_now", "hours", "business_status")


class Lookups(Protocol):
    """`InformationRetrieverService`: checks the arguments itself and never raises for them or for a provider."""

    async def call(self, name: str, arguments: Any) -> dict[str, Any]: ...


class CallLookups:
    """One per call."""

    def __init__(self, lookups: Lookups, deadline_s: float = LOOKUP_DEADLINE_S) -> None:
        self._lookups = lookups
        self._deadline_s = deadline_s

    async def look_up(self, request: ToolRequest, arguments: object) -> Output:
        try:
            async with asyncio.timeout(self._deadline_s):
                found = await self._lookups.call(request.name, arguments)
        except TimeoutError:
            return failed("The look-up took too long. Go on without it.")
        return spoken_part(found)


def spoken_part(found: Mapping[str, Any]) -> Output:
    """What a caller can use of a result: the text, the first matches, the names of the sources."""
    output: Output = {"status": str(found.get("status", "error"))}
    if detail := found.get("detail"):
        output["detail"] = _cut(detail, MAX_FIELD_CHARS)
    if text := found.get("text"):
        output["text"] = _cut(text, MAX_TEXT_CHARS)
    if sources := found.get("sources"):
        output["sources"] = [_cut(source.get("title") or "", MAX_FIELD_CHARS) for source in sources[:MAX_ENTRIES]]
    if (matches := found.get("matches")) is not None:
        output["matches"] = [_match(match) for match in matches[:MAX_ENTRIES]]
    return output


def _match(match: Mapping[str, Any]) -> Output:
    return {name: _short(match[name]) for name in SPOKEN_FIELDS if match.get(name) is not None}


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return _cut(value, MAX_FIELD_CHARS)
    if isinstance(value, Sequence):
        return [_cut(str(line), MAX_FIELD_CHARS) for line in value[:7]]  # the days of a week
    return value


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
