"""`GooglePlacesClient`: business look-up with the Places API (New) over HTTP.

Text Search with a field mask (the mask decides the price tier, reference: places_service.proto). Absent fields are
unknown, not empty; an answer without `places` means that nothing was found.
"""

from dataclasses import dataclass
from datetime import date, datetime
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


WEEK_MINUTES: Final = 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class Opening:
    """Open from one minute of the week to another, counted from Sunday 0:00 in the place's own time. `on` is the day on
    which it opens, where the directory tells of these days in particular (a holiday may differ)."""

    start: int
    end: int
    on: date | None = None

    def covers(self, local: datetime) -> bool:
        minute = (local.isoweekday() % 7) * 1440 + local.hour * 60 + local.minute
        return any(self.start <= moment < self.end for moment in (minute, minute + WEEK_MINUTES))


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
    openings: tuple[Opening, ...] = ()

    def open_at(self, local: datetime) -> bool | None:
        """Whether it is open then, on its own wall clock; None where the directory does not say."""
        days = [opening.on for opening in self.openings if opening.on]
        particular = bool(days) and min(days) <= local.date() <= max(days)
        usable = [opening for opening in self.openings if (opening.on is not None) is particular]
        return any(opening.covers(local) for opening in usable) if usable else None


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
        openings=_openings(entry),
    )


def _openings(entry: dict[str, Any]) -> tuple[Opening, ...]:
    """The coming days' hours with their dates, and the usual ones without."""
    current = _periods(_object(entry, "currentOpeningHours"))
    usual = _periods(_object(entry, "regularOpeningHours"))
    return tuple([*(o for o in current if o.on), *(Opening(o.start, o.end) for o in usual)])


def _periods(hours: dict[str, Any]) -> list[Opening]:
    periods = hours.get("periods")
    found = [_opening(period) for period in periods if isinstance(period, dict)] if isinstance(periods, list) else []
    return [opening for opening in found if opening is not None]


def _opening(period: dict[str, Any]) -> Opening | None:
    """A period without an end is always open (place.proto); one that cannot be read is left out."""
    opens, closes = _object(period, "open"), _object(period, "close")
    start = _minute_of_week(opens)
    end = _minute_of_week(closes) if closes else None
    if start is None or (closes and end is None):
        return None
    if end is None:
        return Opening(0, WEEK_MINUTES)
    return Opening(start, end if end > start else end + WEEK_MINUTES, _date(_object(opens, "date")))


def _minute_of_week(point: dict[str, Any]) -> int | None:
    values = [point.get(name, 0) for name in ("day", "hour", "minute")]
    if not point or not all(isinstance(value, int) for value in values):
        return None
    day, hour, minute = values
    return day * 1440 + hour * 60 + minute if 0 <= day <= 6 and 0 <= hour <= 24 and 0 <= minute < 60 else None


def _date(value: dict[str, Any]) -> date | None:
    try:
        return date(value["year"], value["month"], value["day"])
    except (KeyError, TypeError, ValueError):
        return None


def _object(entry: dict[str, Any], name: str) -> dict[str, Any]:
    value = entry.get(name)
    return value if isinstance(value, dict) else {}


def _text(entry: dict[str, Any], name: str) -> str | None:
    value = entry.get(name)
    return value if isinstance(value, str) and value else None
