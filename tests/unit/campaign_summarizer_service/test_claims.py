"""Claims of the report against a model that obeys everybody: what its sources do not have is removed."""

from uuid import UUID

import pytest

from opendeep.campaign_summarizer_service.claims import Evidence, claim_fault, proved_claims
from opendeep.campaign_summarizer_service.report_schema import Claim

FIRST, SECOND, SILENT = UUID(int=1), UUID(int=2), UUID(int=3)
EVIDENCE = {
    "c1": Evidence(
        FIRST,
        frozenset({1, 2, 3}),
        {2: "yes, Tuesday at ten works for me", 3: "write to office@example.com or call +1 202 555 0144"},
        "Anna Meyer +12025550101 Book the boiler inspection. 2026-11-24T14:30",
    ),
    "c2": Evidence(SECOND, frozenset({1, 2}), {1: "Hello.", 2: "no more calls please"}, "Ben Ortiz +12025550102"),
    "c3": Evidence(SILENT, frozenset(), {}, "Carla Diaz +12025550103"),
}


def claim(text: str, *sources: tuple[str, list[int]]) -> Claim:
    return Claim.model_validate({"text": text, "sources": [{"call": call, "turns": turns} for call, turns in sources]})


@pytest.mark.parametrize(
    "good",
    [
        claim("Anna agreed.", ("c1", [2])),
        claim("Anna said “yes, Tuesday at ten works”.", ("c1", [2])),
        claim("Anna agreed and Ben did not.", ("c1", [2]), ("c2", [2])),
        claim("Nobody picked up at Carla's.", ("c3", [])),
        claim("Write to office@example.com or call +1 (202) 555-0144.", ("c1", [3])),
        claim("Anna (+12025550101) has her appointment on 2026-11-24 14:30.", ("c1", [2])),
        claim('The “boiler” is called "old".', ("c1", [2])),
    ],
    ids=lambda one: one.text,
)
def test_what_its_sources_have_is_kept(good: Claim) -> None:
    assert claim_fault(good, EVIDENCE) is None


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (claim("", ("c1", [2])), "says nothing"),
        (claim("All went well."), "names no source"),
        (claim("All went well.", ("c9", [1])), "names a call that does not exist"),
        (claim("All went well.", ("c1", [2]), (str(FIRST), [2])), "names a call that does not exist"),
        (claim("All went well.", ("c1", [2, 44])), "names a turn that does not exist"),
        (claim("Turn 3 is of another call.", ("c2", [3])), "names a turn that does not exist"),
        (claim("All went well.", ("c1", [])), "names no turn of a call in which somebody spoke"),
        (claim("He said “please call me every single day”.", ("c2", [2])), "quotes words that are not in its sources"),
        (claim("Ben said “yes, Tuesday at ten works”.", ("c2", [2])), "quotes words that are not in its sources"),
        (claim("Pay at https://evil.example/now.", ("c1", [2])), "points to an address that is not in its sources"),
        (claim("Pay at evil-bank.com today.", ("c1", [2])), "points to an address that is not in its sources"),
        (claim("Write to office@example.com.", ("c2", [2])), "points to an address that is not in its sources"),
        (claim("Call +1 900 555 0199 at once.", ("c1", [2])), "names a number that is not in its sources"),
    ],
)
def test_what_its_sources_do_not_have_is_removed(bad: Claim, fault: str) -> None:
    assert claim_fault(bad, EVIDENCE) == fault


def test_claims_are_stored_with_real_calls_and_each_calls_own_turns() -> None:
    both = claim("Both spoke.", ("c1", [3]), ("c2", [2]), ("c1", [2]))
    proved = proved_claims([both, claim("Invented.", ("c7", []))], EVIDENCE)
    sources = [{"call_id": str(FIRST), "turns": [2, 3]}, {"call_id": str(SECOND), "turns": [2]}]
    stored = {"text": "Both spoke.", "sources": sources, "calls": [str(FIRST), str(SECOND)], "turns": []}
    assert proved.kept == [stored]
    assert proved.faults == ["names a call that does not exist"]
