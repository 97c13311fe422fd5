"""The sample directory in the protocols of the real providers: Places API (New) and Gemini with grounding.

Owns the matching of names and the shapes. The businesses are fictional (`sample_directory.yaml`); every answer says so
in the field that names the source.
"""

import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opendeep.offline.script.words import vocabulary

SOURCE: Final = "OpenDeep sample directory (fictional)"
SAMPLES: Final = Path(__file__).with_name("sample_directory.yaml")
ZONE: Final = "America/New_York"
UTC_OFFSET_MINUTES: Final = -300
MAX_BODY_BYTES: Final = 64 * 1024
MAX_PLACES: Final = 20
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LITTLE: Final = frozenset(vocabulary("the a an of in at near and for to my nearest what is number phone telephone"))


def routes() -> list[Route]:
    return [
        Route("/v1/places:searchText", _search_text, methods=["POST"]),
        Route("/v1/places/{place_id}", _details, methods=["GET"]),
        Route("/v1/models/{model}:generateContent", _generate, methods=["POST"]),
        Route("/v1beta/models/{model}:generateContent", _generate, methods=["POST"]),
    ]


@cache
def samples() -> tuple[dict[str, Any], ...]:
    """The businesses of the file, in its order."""
    return tuple(yaml.safe_load(SAMPLES.read_text(encoding="utf-8"))["businesses"])


def find(query: str) -> list[dict[str, Any]]:
    """Businesses whose name or kind has the words of `query`, best match first."""
    words = _words(query)
    scored = []
    for order, business in enumerate(samples()):
        name, kinds = _words(business["name"]), _words(" ".join([*business["kinds"], business["address"]]))
        hits = len(words & name) * 2 + len(words & kinds)
        complete = bool(words) and words <= name | kinds
        if complete or (words & name and len(words & name) >= (len(name) + 1) // 2):
            scored.append((not complete, -hits, order, business))
    scored.sort(key=lambda entry: entry[:3])
    if scored and not scored[0][0]:  # somebody has every word: the others only resemble
        scored = [entry for entry in scored if not entry[0]]
    return [entry[3] for entry in scored]


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z0-9]+", text.lower().replace("_", " "))) - _LITTLE


# -- Places API (New)


async def _search_text(request: Request) -> Response:
    document = await _body(request)
    query = document.get("textQuery") if document else None
    if not isinstance(query, str) or not query.strip():
        return _google_error(400, "INVALID_ARGUMENT", "Empty text_query.")
    if not (mask := request.headers.get("x-goog-fieldmask")):
        return _google_error(400, "INVALID_ARGUMENT", "FieldMask is a required parameter.")
    limit = document.get("pageSize", MAX_PLACES) if document else MAX_PLACES
    places = [
        _masked(_place(b), mask, "places.") for b in find(query)[: limit if isinstance(limit, int) else MAX_PLACES]
    ]
    return _json({"places": places} if places else {})


async def _details(request: Request) -> Response:
    business = next((b for b in samples() if b["id"] == request.path_params["place_id"]), None)
    if business is None:
        return _google_error(404, "NOT_FOUND", "The Place ID is no longer valid.")
    if not (mask := request.headers.get("x-goog-fieldmask")):
        return _google_error(400, "INVALID_ARGUMENT", "FieldMask is a required parameter.")
    return _json(_masked(_place(business), mask, ""))


def _place(business: dict[str, Any]) -> dict[str, Any]:
    hours = _hours(business)
    return {
        "name": f"places/{business['id']}",
        "id": business["id"],
        "displayName": {"text": business["name"], "languageCode": "en"},
        "formattedAddress": business["address"],
        "internationalPhoneNumber": business["phone"],
        "nationalPhoneNumber": business["phone"].removeprefix("+1 "),
        "types": business["kinds"],
        "businessStatus": "OPERATIONAL",
        "timeZone": {"id": ZONE},
        "utcOffsetMinutes": UTC_OFFSET_MINUTES,
        "regularOpeningHours": hours,
        "currentOpeningHours": hours,
        "attributions": [{"provider": SOURCE}],
    }


def _hours(business: dict[str, Any]) -> dict[str, Any]:
    opens, closes = business["hours"].split("-")
    days = business["days"]
    now = datetime.now(ZoneInfo(ZONE))
    return {
        "openNow": now.isoweekday() in days and opens <= f"{now:%H:%M}" < closes,
        "periods": [
            {"open": _point(day, opens), "close": _point(day, closes)} for day in days
        ],
        "weekdayDescriptions": [
            f"{name}: {f'{opens} to {closes}' if number in days else 'Closed'}" for number, name in enumerate(DAYS, 1)
        ],
    }  # fmt: skip


def _point(day: int, clock: str) -> dict[str, int]:
    hour, minute = clock.split(":")
    return {"day": day % 7, "hour": int(hour), "minute": int(minute)}  # 0 is Sunday (place.proto)


def _masked(place: dict[str, Any], mask: str, prefix: str) -> dict[str, Any]:
    fields = {entry.removeprefix(prefix).split(".")[0] for entry in mask.split(",")}
    return place if fields & {"*", "places"} else {name: value for name, value in place.items() if name in fields}


# -- Gemini


async def _generate(request: Request) -> Response:
    document = await _body(request)
    contents = document.get("contents") if document else None
    if not isinstance(contents, list) or not contents:
        return _google_error(400, "INVALID_ARGUMENT", "contents is not specified")
    question = " ".join(
        str(part.get("text", "")) for content in contents for part in content.get("parts") or [] if content
    )
    businesses = find(question)[:3]
    sentences = [f"{b['name']} is at {b['address']}, telephone {b['phone']}." for b in businesses]
    text = " ".join(sentences) or (
        "The offline world has no internet search. Its sample directory knows nothing about this."
    )
    candidate: dict[str, Any] = {
        "content": {"role": "model", "parts": [{"text": text}]},
        "finishReason": "STOP",
        "index": 0,
    }
    if sentences:
        candidate["groundingMetadata"] = _grounding(question, text, businesses, sentences)
    tokens = {"promptTokenCount": len(question) // 4, "candidatesTokenCount": len(text) // 4}
    usage = tokens | {"totalTokenCount": sum(tokens.values())}
    return _json({"candidates": [candidate], "usageMetadata": usage, "modelVersion": request.path_params["model"]})


def _grounding(question: str, text: str, businesses: list[Any], sentences: list[str]) -> dict[str, Any]:
    supports = []
    for index, sentence in enumerate(sentences):
        start = len(text[: text.index(sentence)].encode())  # offsets are bytes of UTF-8 (types.Segment)
        segment = {"startIndex": start, "endIndex": start + len(sentence.encode()), "text": sentence}
        supports.append({"segment": segment, "groundingChunkIndices": [index]})
    chunks = [
        {"web": {"uri": f"sample:{business['id']}", "title": f"{business['name']}, {SOURCE}"}}
        for business in businesses
    ]
    return {"webSearchQueries": [question], "groundingChunks": chunks, "groundingSupports": supports}


# -- both


async def _body(request: Request) -> dict[str, Any] | None:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            return None
    try:
        document = orjson.loads(received)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _google_error(status: int, name: str, message: str) -> Response:
    return _json({"error": {"code": status, "message": message, "status": name}}, status)


def _json(document: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
