"""`GooglePlacesClient`: business look-up with the Places API (New) over HTTP.

Text Search with a field mask (the mask decides the price tier, reference: places_service.proto). Absent fields are
unknown, not empty; an answer without `places` means that nothing was found.
"""

from dataclasses import dataclass
from typing import Any, Final

import httpx
import orjson

from opendeep.common.errors import ProviderFault
from opendeep.llm_integrations.provider_errors import google_error

DEFAULT_BASE_URL: Final = "https://places.googleapis.com"
SERVICE: Final = "Google Places"
MAX_RESULTS: Final = 5
MAX_ANSWER_BYTES: Final = 1_000_000
MASK: Final = ",".join(
    (
        "places.id,places.displayName,places.formattedAddress,places.internationalPhoneNumber",
        "places.nationalPhoneNumber,places.types,places.businessStatus,places.timeZone,places.utcOffsetMinutes",
        "places.regularOpeningHours,places.currentOpeningHours,places.websiteUri,places.googleMapsUri",
        "places.attributions",
    )
)


@dataclass(frozen=True, slots=True)
class Place:
    """One business. `phone` as the directory writes it; `hours` one line per weekday, in the place's own time."""

    id: str
    name: str
    phone: str | None
    address: str | None
    time_zone: str | None
    open_now: bool | None
    hours: tuple[str, ...]
    status: str | None
    kinds: tuple[str, ...]
    website: str | None
    uri: str | None
    source: str


class GooglePlacesClient:
    """`base_url` None is Google; with or without a trailing /v1."""

    def __init__(self, api_key: str | None, base_url: str | None, timeout_ms: int) -> None:
        base = (base_url or DEFAULT_BASE_URL).rstrip("/").removesuffix("/v1")
        self._http = httpx.AsyncClient(base_url=base, timeout=timeout_ms / 1000, headers=_headers(api_key))

    async def close(self) -> None:
        await self._http.aclose()

    async def search(self, query: str, region: str | None = None, language: str = "en") -> list[Place]:
        """The best matches for `query`, at most `MAX_RESULTS`. Raises `ProviderFault`, `ProviderRefused`."""
        body: dict[str, Any] = {"textQuery": query, "languageCode": language, "pageSize": MAX_RESULTS}
        if region:
            body["regionCode"] = region
        try:
            response = await self._http.post("/v1/places:searchText", content=orjson.dumps(body))
        except httpx.TimeoutException as error:
            raise ProviderFault(f"{SERVICE} did not answer in time.") from error
        except httpx.HTTPError as error:
            raise ProviderFault(f"{SERVICE} cannot be reached.") from error
        document = _document(response)
        places = document.get("places", [])
        if not isinstance(places, list):
            raise ProviderFault(f"{SERVICE} sent an answer that cannot be read.")
        return [_place(entry) for entry in places[:MAX_RESULTS] if isinstance(entry, dict)]


def _headers(api_key: str | None) -> dict[str, str]:
    return {"X-Goog-Api-Key": api_key or "none", "X-Goog-FieldMask": MASK, "Content-Type": "application/json"}


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = orjson.loads(response.content) if len(response.content) <= MAX_ANSWER_BYTES else None
    except orjson.JSONDecodeError:
        document = None
    if response.is_error:
        error = document.get("error", {}) if isinstance(document, dict) else {}
        details = error.get("details", []) if isinstance(error, dict) else []
        reason = next((d["reason"] for d in details if isinstance(d, dict) and "reason" in d), None)
        raise google_error(SERVICE, response.status_code, reason or (error or {}).get("status"))
    if not isinstance(document, dict):
        raise ProviderFault(f"{SERVICE} sent an answer that cannot be read.")
    return document


def _place(entry: dict[str, Any]) -> Place:
    hours = _object(entry, "currentOpeningHours") or _object(entry, "regularOpeningHours")
    open_now = hours.get("openNow")
    lines = hours.get("weekdayDescriptions")
    providers = [a.get("provider") for a in entry.get("attributions") or [] if isinstance(a, dict)]
    return Place(
        id=str(entry.get("id", "")),
        name=_text(_object(entry, "displayName"), "text") or "",
        phone=_text(entry, "internationalPhoneNumber") or _text(entry, "nationalPhoneNumber"),
        address=_text(entry, "formattedAddress"),
        time_zone=_text(_object(entry, "timeZone"), "id"),
        open_now=open_now if isinstance(open_now, bool) else None,
        hours=tuple(str(line) for line in lines) if isinstance(lines, list) else (),
        status=_text(entry, "businessStatus"),
        kinds=tuple(str(kind) for kind in entry.get("types") or []),
        website=_text(entry, "websiteUri"),
        uri=_text(entry, "googleMapsUri"),
        source=str(providers[0]) if providers and providers[0] else SERVICE,
    )


def _object(entry: dict[str, Any], name: str) -> dict[str, Any]:
    value = entry.get(name)
    return value if isinstance(value, dict) else {}


def _text(entry: dict[str, Any], name: str) -> str | None:
    value = entry.get(name)
    return value if isinstance(value, str) and value else None
