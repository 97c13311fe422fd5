"""The look-up tools: arguments of a model, results for a model."""

import asyncio

import pytest

from opendeep.common.errors import ProviderFault
from opendeep.llm_integrations.google_gemini_client import SearchAnswer, SearchSource
from opendeep.llm_integrations.google_places_client import Opening, Place
from opendeep.tools.information_retriever_svc import InformationRetrieverService


def place(**changes: object) -> Place:
    values: dict[str, object] = {
        "id": "p",
        "name": "Corner Table",
        "phone": "(202) 555-0105",
        "address": "3 Market Square",
        "time_zone": "America/New_York",
        "open_now": True,
        "hours": ("Monday: 11:30",) * 9,
        "status": "OPERATIONAL",
        "kinds": ("restaurant",),
        "website": None,
        "uri": None,
        "source": "Google Places",
    }
    return Place(**(values | changes))  # type: ignore[arg-type]


class Directory:
    """Stands where the provider's client does; `places` is what it finds."""

    def __init__(self, *places: Place, fault: Exception | None = None, hang: bool = False) -> None:
        self.places, self.fault, self.hang = list(places), fault, hang
        self.queries: list[tuple[str, str | None]] = []

    async def search(self, query: str, region: str | None = None, language: str = "en") -> list[Place]:
        self.queries.append((query, region))
        if self.hang:
            await asyncio.Event().wait()
        if self.fault:
            raise self.fault
        return self.places


class Web:
    def __init__(self, answer: SearchAnswer) -> None:
        self.answer = answer

    async def search(self, query: str) -> SearchAnswer:
        return self.answer


def retriever(directory: Directory, answer: SearchAnswer | None = None) -> InformationRetrieverService:
    return InformationRetrieverService(directory, Web(answer or SearchAnswer("Yes.", ())), "US", deadline_s=0.2)


async def test_a_business_comes_with_number_zone_hours_and_source() -> None:
    directory = Directory(place())
    tool = "get_authoritative_business_info"
    result = await retriever(directory).call(tool, {"name": "Corner Table", "location": "Washington"})
    (match,) = result["matches"]
    assert (match["phone_number"], match["time_zone"], match["source"]) == (
        "+12025550105",
        "America/New_York",
        "Google Places",
    )
    assert len(match["hours"]) == 7
    assert directory.queries == [("Corner Table, Washington", "US")]


async def test_a_number_that_cannot_be_read_is_left_out() -> None:
    result = await retriever(Directory(place(phone="call us!"))).call("get_authoritative_business_info", {"name": "xy"})
    assert result["matches"][0]["phone_number"] is None


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_authoritative_business_info", {}),
        ("get_authoritative_business_info", {"name": "x" * 500}),
        ("get_authoritative_business_info", {"name": "ok", "user_id": "somebody"}),
        ("search_internet", {"query": 7}),
        ("search_internet", []),
        ("delete_everything", {}),
    ],
)
async def test_bad_calls_are_told_to_the_model(name: str, arguments: object) -> None:
    directory = Directory(place())
    result = await retriever(directory).call(name, arguments)
    assert result["status"] == "error"
    assert result["detail"]
    assert directory.queries == []


@pytest.mark.parametrize("directory", [Directory(fault=ProviderFault("It is away.")), Directory(hang=True)])
async def test_a_provider_that_fails_or_hangs_is_told_to_the_model(directory: Directory) -> None:
    result = await retriever(directory).call("get_authoritative_business_info", {"name": "Corner Table"})
    assert result["status"] == "error"


async def test_search_results_are_short_plain_text_with_sources() -> None:
    text = "Open at eight.\x1b[31m\x00" + "x" * 9_000
    source = SearchSource("A\x07 title", "https://example.org", 0, 14)
    answer = SearchAnswer(text, (source, source))
    result = await retriever(Directory(), answer).call("search_internet", {"query": "When does it open?"})
    assert len(result["text"]) == 4_000
    assert "\x1b" not in result["text"]
    assert result["sources"] == [
        {"title": "A title", "uri": "https://example.org", "supports": ["Open at eight."] * 2},
    ]


def test_definitions_are_json_schemas() -> None:
    for definition in retriever(Directory()).tool_definitions():
        assert set(definition) == {"name", "description", "parameters"}
        assert definition["parameters"]["type"] == "object"


@pytest.mark.parametrize(
    ("call_at", "zone", "is_open"),
    [
        ("2026-03-02T10:00", "America/New_York", True),
        ("2026-03-02T15:00Z", "America/New_York", True),  # ten o'clock there
        ("2026-03-02T10:00Z", "America/New_York", False),
        ("2026-03-02T10:00Z", None, None),
        ("2026-03-02T10:00Z", "Nowhere/Land", None),
    ],
)
async def test_a_business_is_open_or_not_at_the_time_of_the_call(
    call_at: str, zone: str | None, is_open: bool | None
) -> None:
    monday = Opening(1440 + 9 * 60, 1440 + 17 * 60)
    directory = Directory(place(time_zone=zone, openings=(monday,)))
    result = await retriever(directory).call(
        "get_authoritative_business_info", {"name": "Corner Table", "call_at": call_at}
    )
    assert result["matches"][0]["open_at_call_time"] is is_open
    plain = await retriever(directory).call("get_authoritative_business_info", {"name": "Corner Table"})
    assert "open_at_call_time" not in plain["matches"][0]
