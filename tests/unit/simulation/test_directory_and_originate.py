"""Who has which number, and what an Originate asks for."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.simulation.ami_wire import AmiRequest
from opendeep.simulation.callee_schema import Attempt, Callee, Outcome
from opendeep.simulation.directory import Directory
from opendeep.simulation.originate import (
    ActionRefusedError,
    parse_audiosocket,
    parse_caller_id,
    parse_origination,
    parse_target,
)


def callee(name: str, *, numbers: tuple[str, ...] = (), prefixes: tuple[str, ...] = ()) -> Callee:
    attempts = (Attempt(outcome=Outcome.BUSY), Attempt(outcome=Outcome.NO_ANSWER))
    return Callee(name=name, title=name, numbers=numbers, prefixes=prefixes, attempts=attempts)


EXACT = callee("exact", numbers=("+12025550101",))
NATION = callee("nation", prefixes=("+49",))
TOWN = callee("town", prefixes=("+4930",))
FALLBACK = callee("books_tuesday", numbers=("+12025550102",))


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("+12025550101", "exact"),
        ("12025550101", "exact"),
        ("+4930123", "town"),
        ("+4989123", "nation"),
        ("+1999", "unallocated_default"),
        ("7000", "books_tuesday"),
        ("7001", "unallocated_default"),
    ],
)
def test_exact_before_longest_prefix_before_default(number: str, name: str) -> None:
    assert Directory([NATION, TOWN, EXACT, FALLBACK]).find(number).name == name


def test_attempts_count_per_number_and_can_be_forgotten() -> None:
    directory = Directory([NATION])
    first = [directory.next_attempt(NATION, "+491").outcome for _ in range(3)]
    assert first == [Outcome.BUSY, Outcome.NO_ANSWER, Outcome.NO_ANSWER]
    assert directory.next_attempt(NATION, "+492").outcome is Outcome.BUSY
    directory.forget_attempts()
    assert directory.next_attempt(NATION, "+491").outcome is Outcome.BUSY


def test_two_callees_cannot_share_a_name_or_a_number() -> None:
    with pytest.raises(ValueError, match="two callees"):
        Directory([EXACT, EXACT])
    with pytest.raises(ValueError, match="belongs to exact"):
        Directory([EXACT, callee("thief", numbers=("+12025550101",))])


@pytest.mark.parametrize(
    ("channel", "number", "place", "local"),
    [
        ("Local/+12025550101@opendeep-out/n", "+12025550101", "opendeep-out", True),
        ("PJSIP/+12025550101@trunk", "+12025550101", "trunk", False),
        ("PJSIP/7000", "7000", "", False),
        ("PJSIP/trunk/sip:+4930@127.0.0.1:5060", "+4930", "127.0.0.1:5060", False),
        ("PJSIP/nobody", "", "", False),
    ],
)
def test_channel_strings(channel: str, number: str, place: str, local: bool) -> None:
    target = parse_target(channel)
    assert (target.number, target.place, target.is_local, target.channel) == (number, place, local, channel)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('"Open Deep" <+1 (202) 555-0100>', ("Open Deep", "+12025550100")),
        ("Open Deep <100>", ("Open Deep", "100")),
        ("+12025550100", ("", "+12025550100")),
        ("Somebody", ("Somebody", "")),
        ("", ("", "")),
    ],
)
def test_caller_ids(text: str, parts: tuple[str, str]) -> None:
    assert parse_caller_id(text) == parts


@pytest.mark.parametrize(
    "data", ["", "x", "0191e0a5-0000-7000-8000-000000000000", "x,h:1", "0191e0a5-0000-7000-8000-000000000000,h"]
)
def test_audiosocket_arguments_that_are_refused(data: str) -> None:
    assert parse_audiosocket(data) is None


def test_audiosocket_arguments() -> None:
    target = parse_audiosocket("0191e0a5-0000-7000-8000-000000000000,[::1]:9092")
    assert target is not None
    assert (target.host, target.port) == ("::1", 9092)


@given(headers=st.lists(st.tuples(st.sampled_from(["Channel", "Timeout", "Variable", "CallerID", "Data"]), st.text())))
def test_any_originate_is_understood_or_refused_in_words(headers: list[tuple[str, str]]) -> None:
    with suppress(ActionRefusedError):
        asked = parse_origination(AmiRequest(tuple(headers)))
        assert asked.timeout_ms > 0
        assert "/" in asked.target.channel
