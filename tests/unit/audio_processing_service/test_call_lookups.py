"""Look-ups for a callee who waits: what is told of a result, however large."""

import asyncio
from typing import Any

import orjson
import pytest

from opendeep.audio_processing_service.call_lookups import MAX_ENTRIES, MAX_TEXT_CHARS, CallLookups, spoken_part
from opendeep.audio_processing_service.tool_ground import ToolRequest

REQUEST = ToolRequest("c1", "search_internet", "{}")


class Never:
    async def call(self, name: str, arguments: Any) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}


async def test_a_look_up_has_an_end() -> None:
    assert (await CallLookups(Never(), deadline_s=0.01).look_up(REQUEST, {}))["status"] == "failed"


def test_a_large_result_is_cut() -> None:
    place = {"name": "n" * 900, "phone_number": "+1", "hours": ["h" * 900] * 9, "source_uri": "https://x", "kinds": []}
    found = {
        "status": "found",
        "text": "t" * 9_000,
        "sources": [{"title": "s" * 900, "uri": "u", "supports": ["p" * 300]}] * 9,
        "matches": [place] * 20,
    }
    told = spoken_part(found)
    assert len(orjson.dumps(told)) < 8_000
    assert len(told["text"]) == MAX_TEXT_CHARS
    assert len(told["matches"]) == len(told["sources"]) == MAX_ENTRIES
    assert set(told["matches"][0]) == {"name", "phone_number", "hours"}


@pytest.mark.parametrize("status", ["not_found", "error"])
def test_nothing_found_is_told(status: str) -> None:
    assert spoken_part({"status": status, "matches": [], "detail": "why"}) == {
        "status": status,
        "matches": [],
        "detail": "why",
    }
