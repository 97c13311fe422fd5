"""`InformationRetrieverService`: the tools `get_authoritative_business_info` and `search_internet`.

Owns their JSON schemas, the checking of arguments, deadlines, and results that are short, plain and name their source.
Never raises for what the model or a provider did wrong: the result says it, so that the model can go on.
"""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from opendeep.common.errors import InvalidPhoneNumber, ProviderFault
from opendeep.common.phone import parse_number
from opendeep.llm_integrations.google_gemini_client import SearchAnswer
from opendeep.llm_integrations.google_places_client import Place

log = structlog.get_logger(__name__)

BUSINESS_TOOL: Final = "get_authoritative_business_info"
SEARCH_TOOL: Final = "search_internet"
DEADLINE_S: Final = 25.0
MAX_TEXT_CHARS: Final = 4_000
MAX_FIELD_CHARS: Final = 300
MAX_HOURS_LINES: Final = 7

Result = dict[str, Any]


class BusinessDirectory(Protocol):
    async def search(self, query: str, region: str | None = None, language: str = "en") -> list[Place]: ...


class WebSearch(Protocol):
    async def search(self, query: str) -> SearchAnswer: ...


class _BusinessArguments(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    name: Annotated[str, Field(min_length=2, max_length=200)]
    location: Annotated[str | None, Field(max_length=200)] = None
    call_at: datetime | None = None


class _SearchArguments(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    query: Annotated[str, Field(min_length=2, max_length=400)]


class InformationRetrieverService:
    """Look-ups for the assistant. `region` (ISO 3166) reads numbers without a country code."""

    def __init__(
        self, places: BusinessDirectory, gemini: WebSearch, region: str = "US", deadline_s: float = DEADLINE_S
    ) -> None:
        self._places = places
        self._gemini = gemini
        self._region = region
        self._deadline_s = deadline_s

    def tool_definitions(self) -> list[dict[str, Any]]:
        """Each tool's name, description and parameters as JSON Schema."""
        return [
            {
                "name": BUSINESS_TOOL,
                "description": "Telephone number, address, opening hours and time zone of a business.",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "description": "Name or kind of the business."},
                        "location": {"type": ["string", "null"], "description": "Town, district or address."},
                        "call_at": {
                            "type": ["string", "null"],
                            "description": "When it is to be called, ISO 8601; without offset: its own local time.",
                        },
                    },
                    "required": ["name"],
                    "additionalProperties": False,
                },
            },
            {
                "name": SEARCH_TOOL,
                "description": "An answer from the web to a general question, with sources.",
                "parameters": {
                    "type": "object",
                    "properties": {"query": {"type": "string", "description": "The question."}},
                    "required": ["query"],
                    "additionalProperties": False,
                },
            },
        ]

    async def call(self, name: str, arguments: Any) -> Result:
        """Run one tool. `status` of the result is found, not_found or error (with `detail`)."""
        try:
            async with asyncio.timeout(self._deadline_s):
                if name == BUSINESS_TOOL:
                    return await self._business(_BusinessArguments.model_validate(arguments))
                if name == SEARCH_TOOL:
                    return await self._search(_SearchArguments.model_validate(arguments))
        except ValidationError as error:
            mistake = error.errors(include_url=False)[0]
            return _error(f"{'.'.join(str(part) for part in mistake['loc'])}: {mistake['msg']}")
        except ProviderFault as fault:
            log.warning("tool.failed", tool=name, error=str(fault))
            return _error(str(fault))
        except TimeoutError:
            log.warning("tool.timeout", tool=name, deadline_s=self._deadline_s)
            return _error("The look-up took too long.")
        return _error(f"There is no tool “{name[:60]}”.")

    async def _business(self, arguments: _BusinessArguments) -> Result:
        query = f"{arguments.name}, {arguments.location}" if arguments.location else arguments.name
        matches = [self._match(place, arguments.call_at) for place in await self._places.search(query, self._region)]
        return {"status": "found" if matches else "not_found", "matches": matches}

    def _match(self, place: Place, call_at: datetime | None) -> Result:
        then = {"open_at_call_time": _open_at(place, call_at)} if call_at else {}
        return then | {
            "name": _short(place.name),
            "phone_number": self._e164(place.phone),
            "address": _short(place.address),
            "time_zone": place.time_zone,
            "open_now": place.open_now,
            "hours": [_short(line) for line in place.hours[:MAX_HOURS_LINES]],
            "business_status": place.status,
            "kinds": [_short(kind) for kind in place.kinds[:5]],
            "website": _short(place.website),
            "source": _short(place.source),
            "source_uri": place.uri,
        }

    def _e164(self, phone: str | None) -> str | None:
        try:
            return parse_number(phone, self._region).e164 if phone else None
        except InvalidPhoneNumber:
            return None

    async def _search(self, arguments: _SearchArguments) -> Result:
        answer = await self._gemini.search(arguments.query)
        text = _plain(answer.text)[:MAX_TEXT_CHARS]
        seen: dict[str, Result] = {}
        for source in answer.sources:
            entry = seen.setdefault(source.uri, {"title": _short(source.title), "uri": source.uri, "supports": []})
            if source.start < source.end <= len(answer.text):
                entry["supports"].append(_short(answer.text[source.start : source.end]))
        return {"status": "found", "text": text, "sources": list(seen.values())}


def _open_at(place: Place, at: datetime) -> bool | None:
    """None where the directory does not know, or the zone in which `at` is to be read is unknown."""
    if at.tzinfo is None:
        return place.open_at(at)
    try:
        return place.open_at(at.astimezone(ZoneInfo(place.time_zone))) if place.time_zone else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _error(detail: str) -> Result:
    return {"status": "error", "detail": detail}


def _plain(text: str) -> str:
    """Without control characters; line breaks stay."""
    return "".join(character for character in text if character.isprintable() or character == "\n")


def _short(text: str | None) -> str | None:
    return " ".join(_plain(text).split())[:MAX_FIELD_CHARS] if text else None
