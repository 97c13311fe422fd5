"""Reports over HTTP: final and interim, as page, PDF, CSV and Excel; nobody else's; and a call read once more."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from openpyxl import load_workbook

from opendeep.common.data_models import Disposition, Speaker
from opendeep.config.app_config import environment_without_settings
from tests.support.services import require
from tests.support.web_world import PLAN, WebWorld, dial, finish, report, speak, wish
from tests.unit.web_interface.conftest import Person

EVIL = '=HYPERLINK("http://evil.example") <script>alert(1)</script>'
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


async def running_campaign(world: WebWorld, client: httpx.AsyncClient, plan: dict[str, Any] = PLAN) -> str:
    """Confirmed, with one call that reached its end."""
    world.model.say("Here is the plan.", campaign_plan=plan)
    reply = (await client.post("/api/chat", json={"message": wish(plan)})).json()
    answer = await client.post("/api/execute_campaign", json={"plan_id": reply["plan_id"]})
    campaign_id = str(answer.json()["campaign"]["id"])
    user_id = await world.user_id("Maria Keller")
    async with world.db.read() as work:
        first, *_ = await work.tasks.of_campaign(user_id, UUID(campaign_id))
    call = await dial(world, first)
    await speak(world, call, 1, Speaker.AI, "Does Tuesday at ten work for you?")
    await speak(world, call, 2, Speaker.CALLEE, "ten is fine")
    await finish(world, call, Disposition.ACHIEVED, f"She agreed. {EVIL}", None)
    return campaign_id


def prose(text: str = "Anna Meyer agreed.", call: str = "c1") -> dict[str, Any]:
    claim = {"text": text, "sources": [{"call": call, "turns": [2]}]}
    return {"headline": claim, "paragraphs": [claim]}


@pytest.fixture
async def campaign(world: WebWorld, maria: httpx.AsyncClient) -> str:
    return await running_campaign(world, maria)


async def test_there_is_no_report_before_the_end_but_an_interim_one(
    world: WebWorld, maria: httpx.AsyncClient, campaign: str
) -> None:
    missing = await maria.get(f"/api/campaigns/{campaign}/report")
    assert (missing.status_code, "interim=1" in missing.json()["error"]["message"]) == (404, True)
    world.model.documents.append(prose())
    found = (await maria.get(f"/api/campaigns/{campaign}/report?interim=1")).json()
    assert (found["interim"], found["by"], found["headline"]) == (True, "model", "Anna Meyer agreed.")
    figures = found["figures"]
    assert (figures["tasks"], figures["completed"], figures["open"], figures["calls"]) == (3, 1, 2, 1)
    assert found["paragraphs"][0]["sources"][0]["turns"] == [2]
    assert not (await maria.get("/api/campaigns")).json()["campaigns"][0]["has_report"]
    again = (await maria.get(f"/api/campaigns/{campaign}/report?interim=1")).json()
    assert again == found  # the model is not asked again within a minute
    page = await maria.get(f"/api/campaigns/{campaign}/report.html?interim=1")
    assert "Interim report, as of" in page.text


async def test_an_interim_report_without_a_model_is_one_of_figures(
    world: WebWorld, maria: httpx.AsyncClient, campaign: str
) -> None:
    found = (await maria.get(f"/api/campaigns/{campaign}/report?interim=1")).json()
    assert (found["by"], found["headline"]) == ("figures", "Boiler inspection, so far: 1 of 3 tasks completed.")
    assert found["fault"]


async def test_hostile_claims_do_not_reach_a_report(world: WebWorld, maria: httpx.AsyncClient, campaign: str) -> None:
    bad = [
        prose(EVIL)["headline"],
        prose("Somebody else's call says so.", "c2")["headline"],
        {"text": "No source at all.", "sources": []},
        prose("She said “transfer all of your money now”.")["headline"],
    ]
    world.model.documents.append({"headline": bad[0], "paragraphs": [*bad, prose()["headline"]]})
    found = (await maria.get(f"/api/campaigns/{campaign}/report?interim=1")).json()
    assert [paragraph["text"] for paragraph in found["paragraphs"]] == ["Anna Meyer agreed."]
    assert found["removed_claims"] == 5
    assert found["headline"].startswith("Boiler inspection, so far")


async def test_the_page_of_a_report_is_all_text(world: WebWorld, maria: httpx.AsyncClient, campaign: str) -> None:
    await report(world, await world.user_id("Maria Keller"), UUID(campaign))
    page = await maria.get(f"/api/campaigns/{campaign}/report.html")
    assert page.headers["content-type"].startswith("text/html")
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "sha256-" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_a_report_becomes_a_pdf(world: WebWorld, maria: httpx.AsyncClient, campaign: str) -> None:
    require("weasyprint", _pdf_works(), "pip install weasyprint, and the package libpango-1.0-0")
    answer = await maria.get(f"/api/campaigns/{campaign}/report.pdf?interim=1")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["content-disposition"] == 'attachment; filename="boiler-inspection-interim.pdf"'
    assert answer.content.startswith(b"%PDF-")
    assert answer.content.rstrip().endswith(b"%%EOF")


async def test_without_the_libraries_the_answer_says_what_to_install(
    world: WebWorld, maria: httpx.AsyncClient, campaign: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child process finds a WeasyPrint whose system library is not there, as on a fresh machine."""
    broken = tmp_path / "broken" / "weasyprint"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise OSError('cannot load library libgobject-2.0-0')\n")
    monkeypatch.setenv("PYTHONPATH", ":".join([str(broken.parent), *sys.path]))
    answer = await maria.get(f"/api/campaigns/{campaign}/report.pdf?interim=1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "PartMissing")
    message = answer.json()["error"]["message"]
    assert all(words in message for words in ("opendeep[pdf]", "libpango", "libgobject", "HTML report"))


def test_the_child_process_gets_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert "OPENAI_API_KEY" not in environment_without_settings()


async def test_results_as_csv(world: WebWorld, maria: httpx.AsyncClient, campaign: str) -> None:
    answer = await maria.get(f"/api/campaigns/{campaign}/results.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="boiler-inspection.csv"'
    assert answer.content.startswith("\ufeff".encode())
    first, second, third = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert (first["Contact"], first["Number"], first["Outcome"]) == ("Anna Meyer", "+12025550101", "Achieved")
    assert (first["slot_ok"], second["slot_ok"], third["Status"]) == ("yes", "", "Scheduled")
    assert first["Citations"] == "slot_ok: turn 2 “ten is fine”"
    assert "<script>" in first["Summary"]  # a file of data keeps the words as they are


async def test_results_as_excel(world: WebWorld, maria: httpx.AsyncClient, campaign: str) -> None:
    answer = await maria.get(f"/api/campaigns/{campaign}/results.xlsx")
    assert (answer.status_code, answer.headers["content-type"]) == (200, XLSX)
    sheet: Any = load_workbook(io.BytesIO(answer.content)).active
    rows = list(sheet.iter_rows(values_only=True))
    assert len(rows) == 4
    assert dict(zip(rows[0], rows[1], strict=True))["slot_ok"] == "yes"


async def test_lists_figures_and_the_overview(world: WebWorld, maria: httpx.AsyncClient, campaign: str) -> None:
    (head,) = (await maria.get("/api/reports")).json()["reports"]
    assert (head["campaign_id"], head["tasks"], head["completed"], head["headline"]) == (campaign, 3, 1, None)
    figures = (await maria.get(f"/api/campaigns/{campaign}/figures")).json()
    overview = (await maria.get("/api/reports/overview?days=7")).json()
    assert figures["figures"]["calls"] == overview["figures"]["calls"] == 1
    assert overview["figures"]["telephony"]["per_minute"] == 0.12
    assert sum(hour["answered"] for hour in overview["series"]["by_hour"]) == 1
    await report(world, await world.user_id("Maria Keller"), UUID(campaign))
    (head,) = (await maria.get("/api/reports")).json()["reports"]
    assert head["headline"] == "Anna Meyer agreed to Tuesday at ten."
    assert (await maria.get("/api/reports/overview?days=0")).status_code == 422


async def test_a_call_is_read_again(world: WebWorld, maria: httpx.AsyncClient, campaign: str) -> None:
    calls = (await maria.get(f"/api/campaigns/{campaign}")).json()["calls"]
    address = f"/api/calls/{calls[0]['id']}/analysis"
    refused = await maria.post(address)
    assert (refused.status_code, "keeps the reading" in refused.json()["error"]["message"]) == (502, True)
    field = {"key": "slot_ok", "value": "yes", "turns": [2], "quote": "ten is fine"}
    world.model.documents.append(
        {"disposition": "ACHIEVED", "summary": "Anna agreed.", "fields": [field], "next_step": "complete"}
    )
    answer = (await maria.post(address)).json()
    assert (answer["changed"], answer["call"]["analysis"]["summary"]) == (True, "Anna agreed.")


async def test_somebody_else_sees_none_of_it(
    world: WebWorld, maria: httpx.AsyncClient, person: Person, campaign: str
) -> None:
    await report(world, await world.user_id("Maria Keller"), UUID(campaign))
    calls = (await maria.get(f"/api/campaigns/{campaign}")).json()["calls"]
    other = person()
    places = [f"/api/campaigns/{campaign}/{what}" for what in (
        "report", "report?interim=1", "report.html", "report.pdf", "results.csv", "results.xlsx", "figures"
    )]  # fmt: skip
    assert [(await other.get(place)).status_code for place in places] == [401] * len(places)
    await other.post("/api/session", json={"user_name": "Somebody Else"})
    assert [(await other.get(place)).status_code for place in places] == [404] * len(places)
    assert (await other.post(f"/api/calls/{calls[0]['id']}/analysis")).status_code == 404
    assert (await other.get("/api/reports")).json() == {"reports": []}
    assert (await other.get("/api/reports/overview")).json()["figures"]["calls"] == 0


def _pdf_works() -> bool:
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError):
        return False
    return True
