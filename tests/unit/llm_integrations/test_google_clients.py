"""Places and Gemini clients against scripted answers on the wire."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any

import pytest
from starlette.responses import Response

from opendeep.common.errors import ProviderFault, ProviderRefused
from opendeep.llm_integrations.google_gemini_client import GoogleGeminiClient, character_offset
from opendeep.llm_integrations.google_places_client import GooglePlacesClient
from tests.support.minds import ScriptedProvider, json_response, offline_minds


@asynccontextmanager
async def places(answer: Response) -> AsyncIterator[tuple[GooglePlacesClient, ScriptedProvider]]:
    provider = ScriptedProvider([answer])
    async with provider.serving() as url:
        client = GooglePlacesClient("the-key", url, 5_000)
        yield client, provider
        await client.close()


@asynccontextmanager
async def gemini(*answers: Response) -> AsyncIterator[tuple[GoogleGeminiClient, ScriptedProvider]]:
    provider = ScriptedProvider(list(answers))
    async with provider.serving() as url:
        client = GoogleGeminiClient("the-key", url, "gemini-x", 5_000)
        yield client, provider
        await client.close()


def error(status: int, name: str, reason: str | None = None) -> Response:
    details = [{"@type": "x", "reason": reason}] if reason else []
    return json_response({"error": {"code": status, "message": "m", "status": name, "details": details}}, status)


# -- Places


async def test_a_place_is_read_and_absent_fields_stay_unknown() -> None:
    full = {
        "id": "p1",
        "displayName": {"text": "Boulangerie X", "languageCode": "fr"},
        "internationalPhoneNumber": "+1 202-555-0101",
        "timeZone": {"id": "Europe/Paris"},
        "regularOpeningHours": {"openNow": True, "weekdayDescriptions": ["lundi: 07:00"]},
    }
    async with places(json_response({"places": [full, {"id": "p2"}]})) as (client, provider):
        first, second = await client.search("boulangerie", "FR", "fr")
    assert (first.name, first.phone, first.time_zone, first.open_now) == (
        "Boulangerie X",
        "+1 202-555-0101",
        "Europe/Paris",
        True,
    )
    assert (second.name, second.phone, second.open_now, second.hours) == ("", None, None, ())
    assert provider.requests[0] == {"textQuery": "boulangerie", "languageCode": "fr", "pageSize": 5, "regionCode": "FR"}
    mask = provider.headers[0]["x-goog-fieldmask"]
    assert " " not in mask
    assert all(part.startswith("places.") for part in mask.split(","))
    assert provider.headers[0]["x-goog-api-key"] == "the-key"


def moment(day: int, hour: int, minute: int = 0, on: date | None = None) -> dict[str, object]:
    point: dict[str, object] = {"day": day, "hour": hour, "minute": minute}
    return point | {"date": {"year": on.year, "month": on.month, "day": on.day}} if on else point


MONDAY = date(2026, 3, 2)
USUAL = [
    {"open": moment(1, 9), "close": moment(1, 17, 30)},
    {"open": moment(6, 20), "close": moment(0, 2)},  # over the end of the week
    {"open": {"day": 2, "hour": "nine"}, "close": moment(2, 17)},
    {"open": moment(3, 9), "close": {"day": 9}},
    "nonsense",
]
THIS_WEEK = [{"open": moment(1, 12, on=MONDAY), "close": moment(1, 13)}]


@pytest.mark.parametrize(
    ("usual", "current", "at", "is_open"),
    [
        (USUAL, None, datetime(2026, 3, 2, 9), True),
        (USUAL, None, datetime(2026, 3, 2, 17, 30), False),
        (USUAL, None, datetime(2026, 3, 7, 23), True),
        (USUAL, None, datetime(2026, 3, 8, 1, 59), True),
        (USUAL, None, datetime(2026, 3, 8, 2), False),
        (USUAL, THIS_WEEK, datetime(2026, 3, 2, 10), False),  # a short day
        (USUAL, THIS_WEEK, datetime(2026, 3, 2, 12, 30), True),
        (USUAL, THIS_WEEK, datetime(2026, 3, 9, 10), True),  # the usual hours a week later
        ([{"open": moment(0, 0)}], None, datetime(2026, 3, 4, 3), True),  # always open
        (None, None, datetime(2026, 3, 2, 9), None),
        ("nonsense", None, datetime(2026, 3, 2, 9), None),
    ],
)
async def test_whether_it_is_open_at_the_time_of_the_call(
    usual: object, current: object, at: datetime, is_open: bool | None
) -> None:
    entry: dict[str, object] = {"id": "p1"}
    if usual:
        entry["regularOpeningHours"] = {"periods": usual}
    if current:
        entry["currentOpeningHours"] = {"periods": current}
    async with places(json_response({"places": [entry]})) as (client, _):
        (place,) = await client.search("x")
    assert place.open_at(at) is is_open


async def test_nothing_found_is_an_empty_list() -> None:
    async with places(json_response({})) as (client, _):
        assert await client.search("nothing") == []


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (error(400, "INVALID_ARGUMENT", "API_KEY_INVALID"), True),
        (error(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), True),
        (error(429, "RESOURCE_EXHAUSTED"), False),
        (error(503, "UNAVAILABLE"), False),
        (Response("<html>", 200), False),
        (json_response({"places": 7}), False),
        (json_response([1]), False),
    ],
)
async def test_places_faults_are_told_apart(answer: Response, refused: bool) -> None:
    async with places(answer) as (client, _):
        with pytest.raises(ProviderFault) as caught:
            await client.search("x")
    assert isinstance(caught.value, ProviderRefused) is refused
    assert "the-key" not in str(caught.value)


# -- Gemini


def grounded(text: str, start: int, end: int) -> Response:
    metadata = {
        "groundingChunks": [{"web": {"uri": "https://example.org/a", "title": "A"}}],
        "groundingSupports": [
            {"segment": {"startIndex": start, "endIndex": end, "text": ""}, "groundingChunkIndices": [0, 9]}
        ],
    }
    content = {"role": "model", "parts": [{"text": text}]}
    return json_response({"candidates": [{"content": content, "finishReason": "STOP", "groundingMetadata": metadata}]})


async def test_offsets_of_sources_are_bytes_of_utf8() -> None:
    text = "Très cher. Le café ouvre à huit heures."
    start = len("Très cher. ".encode())
    async with gemini(grounded(text, start, len(text.encode()))) as (client, provider):
        answer = await client.search("café?")
    (source,) = answer.sources
    assert text[source.start : source.end] == "Le café ouvre à huit heures."
    assert (source.title, source.uri) == ("A", "https://example.org/a")
    assert provider.requests[0]["tools"] == [{"googleSearch": {}}]
    assert provider.headers[0]["x-goog-api-key"] == "the-key"


def test_an_offset_inside_a_character_is_its_start() -> None:
    assert [character_offset("aéb", at) for at in range(6)] == [0, 1, 1, 2, 3, 3]
    assert character_offset("aéb", -4) == 0


async def test_an_answer_without_grounding_has_no_sources() -> None:
    content = {"role": "model", "parts": [{"text": "Yes."}]}
    async with gemini(json_response({"candidates": [{"content": content}]})) as (client, _):
        assert (await client.search("x")).sources == ()


@pytest.mark.parametrize(
    ("answer", "refused", "requests"),
    [
        (error(400, "INVALID_ARGUMENT"), True, 1),
        (error(403, "PERMISSION_DENIED"), True, 1),
        (error(429, "RESOURCE_EXHAUSTED"), False, 2),
        (error(503, "UNAVAILABLE"), False, 2),
        (json_response({"candidates": []}), True, 1),
        (Response("nonsense", 200, media_type="application/json"), False, 1),
    ],
)
async def test_gemini_faults_are_told_apart(answer: Response, refused: bool, requests: int) -> None:
    async with gemini(answer) as (client, provider):
        with pytest.raises(ProviderFault) as caught:
            await client.search("x")
    assert isinstance(caught.value, ProviderRefused) is refused
    assert len(provider.requests) == requests


# -- the sample directory speaks the same protocols


async def test_the_sample_directory_is_marked_as_such() -> None:
    async with offline_minds() as url:
        directory, search = GooglePlacesClient(None, url, 5_000), GoogleGeminiClient(None, url, "m", 5_000)
        (place,) = await directory.search("Harbour Facilities")
        dentists = await directory.search("dentist")
        unknown = await directory.search("Nowhere Ltd")
        answer: Any = await search.search("What is the number of Corner Table Restaurant?")
        await directory.close()
        await search.close()
    assert (place.phone, place.time_zone) == ("+1 202-555-0104", "America/New_York")
    assert "fictional" in place.source
    assert {dentist.name for dentist in dentists} == {"Harbour Dental Practice", "Riverside Dental Clinic"}
    assert unknown == []
    assert "+1 202-555-0105" in answer.text[answer.sources[0].start : answer.sources[0].end]
