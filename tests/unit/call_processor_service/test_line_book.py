"""Who gets a line: caps, pace, breakers, tenants and countries over any mixture of trunks and tasks."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.call_processor_service import circuit_breaker
from opendeep.call_processor_service.caller_ids import CallerIdPool
from opendeep.call_processor_service.dial_strings import DialPlan
from opendeep.call_processor_service.line_book import Held, Line, LineBook, Unservable, room
from opendeep.common.errors import TelephonyMisuse
from opendeep.common.trunk_values import Breaker, BreakerState, TrunkState
from opendeep.config.trunk_config import Trunk

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
USERS = [UUID(int=n) for n in range(1, 4)]
NAMES = dict(zip(USERS, ("Ann", "Bob", "Cyd"), strict=True))
US, DE, GB = "+12025550123", "+493012345678", "+442071838750"
SHUT = circuit_breaker.force_open(Breaker(), NOW, "503")


def a_trunk(name: str = "a", **changes: object) -> Trunk:
    made = Trunk(name, f"PJSIP/{{number}}@{name}", 10, 100.0, 100)
    return replace(made, **changes)  # type: ignore[arg-type]


def a_book(*trunks: Trunk, **changes: object) -> LineBook:
    pools = {t.name: CallerIdPool(t.caller_ids, local_presence=t.local_presence) for t in trunks}
    book = LineBook(trunks, DialPlan("PJSIP/{number}", ("7000",)), pools, NOW, names=NAMES)
    for field, value in changes.items():
        setattr(book, field, value)
    return book


def give(book: LineBook, number: str = US, user: UUID = USERS[0]) -> Line | Held | Unservable:
    found = book.find(user, number)
    if isinstance(found, Line):
        book.take(found, user)
    return found


def trunk_of(found: Line | Held | Unservable) -> str | None:
    assert isinstance(found, Line), found
    return found.trunk


# -- any mixture

some_trunks = st.lists(
    st.builds(
        a_trunk,
        st.sampled_from("abcdef"),
        max_calls=st.integers(1, 6),
        calls_per_second=st.floats(0.1, 5),
        burst=st.integers(1, 6),
        countries=st.sampled_from([frozenset(), frozenset({"US"}), frozenset({"DE", "GB"})]),
        tenants=st.sampled_from([frozenset(), frozenset({"Ann"}), frozenset({"Bob", "Cyd"})]),
        caller_ids=st.sampled_from([(), ("+12025550100",), ("+12025550100", "+12125550101")]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda trunk: trunk.name,
)
some_states = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["well", "open", "paused", "trial"]))
some_tasks = st.lists(st.tuples(st.sampled_from(USERS), st.sampled_from([US, DE, GB, "7000"])), max_size=40)


def state_for(name: str, kind: str) -> TrunkState:
    states = {
        "well": TrunkState(name),
        "open": TrunkState(name, breaker=SHUT),
        "paused": TrunkState(name, paused="maintenance"),
        "trial": TrunkState(name, breaker=replace(SHUT, until=NOW)),
    }
    return states[kind]


@given(some_trunks, some_states, some_tasks, st.one_of(st.none(), st.integers(1, 5)))
def test_nothing_ever_exceeds_what_is_allowed(
    trunks: list[Trunk], kinds: dict[str, str], tasks: list[tuple[UUID, str]], cap: int | None
) -> None:
    states = {name: state_for(name, kind) for name, kind in kinds.items()}
    book = a_book(*trunks, states=dict(states), tenant_cap=cap)
    given_out: list[tuple[UUID, str, Line]] = []
    for user, number in tasks:
        found = give(book, number, user)
        if isinstance(found, Line):
            given_out.append((user, number, found))
        elif isinstance(found, Held):
            assert found.until is None or found.until > NOW
    by_trunk = Counter(line.trunk for _, _, line in given_out)
    assert all(count <= (cap or 99) for count in Counter(user for user, _, _ in given_out).values())
    assert all((line.trunk is None) == (number == "7000") for _, number, line in given_out)
    for trunk in trunks:
        kind = kinds.get(trunk.name, "well")
        most = {"well": min(trunk.max_calls, trunk.burst), "trial": 1}.get(kind, 0)
        assert by_trunk[trunk.name] <= most
        for user, number, line in given_out:
            if line.trunk == trunk.name:
                assert not trunk.tenants or NAMES[user] in trunk.tenants
                assert not trunk.countries or {US: "US", DE: "DE", GB: "GB"}[number] in trunk.countries
                assert (line.caller_number in trunk.caller_ids) if trunk.caller_ids else line.caller_id is None


@given(some_trunks, some_states, some_tasks)
def test_a_task_is_held_only_when_no_serving_trunk_has_room(
    trunks: list[Trunk], kinds: dict[str, str], tasks: list[tuple[UUID, str]]
) -> None:
    book = a_book(*trunks, states={name: state_for(name, kind) for name, kind in kinds.items()})
    for user, number in tasks:
        rooms = {t.name: room(t, book._state(t), book.live.get(t.name, 0), NOW, 0) for t in trunks}
        found = give(book, number, user)
        serving = [
            t
            for t in trunks
            if (not t.tenants or NAMES[user] in t.tenants)
            and (not t.countries or {US: "US", DE: "DE", GB: "GB"}.get(number) in t.countries)
        ]
        if number == "7000":
            assert isinstance(found, Line)
        elif not serving:
            assert isinstance(found, Unservable)
        else:
            first = next((t.name for t in serving if rooms[t.name]), None)
            assert isinstance(found, Line) == (first is not None)
            if isinstance(found, Line):
                assert found.trunk == first  # the operator's order is the order of choice


# -- single cases


def test_a_full_trunk_overflows_to_the_next() -> None:
    book = a_book(a_trunk("a", max_calls=2), a_trunk("b"), live={"a": 1})
    assert [trunk_of(give(book)) for _ in range(3)] == ["a", "b", "b"]


def test_a_broken_or_paused_trunk_overflows_to_the_next() -> None:
    states = {"a": TrunkState("a", breaker=SHUT), "b": TrunkState("b", paused="maintenance")}
    assert trunk_of(give(a_book(a_trunk("a"), a_trunk("b"), a_trunk("c"), states=states))) == "c"


def test_a_held_task_says_why_and_until_when() -> None:
    book = a_book(a_trunk("a"), states={"a": TrunkState("a", breaker=SHUT)})
    found = give(book)
    assert isinstance(found, Held)
    assert found.until == SHUT.until
    assert "the trunk “a” has a fault (503); no calls go out" in found.reason
    paused = give(a_book(a_trunk("a"), states={"a": TrunkState("a", paused="number porting")}))
    assert isinstance(paused, Held)
    assert "paused: number porting" in paused.reason


def test_only_the_pace_keeps_a_task_in_the_queue() -> None:
    book = a_book(a_trunk("a", burst=1, calls_per_second=1.0))
    assert trunk_of(give(book)) == "a"
    assert give(book) == Held("Waiting for its turn on the line.")


def test_what_no_trunk_serves_is_said_once_and_for_all() -> None:
    found = give(a_book(a_trunk(countries=frozenset({"US"}))), DE)
    assert isinstance(found, Unservable)
    assert "No trunk serves calls to DE" in found.reason
    closed = give(a_book(a_trunk(tenants=frozenset({"Bob"}))))
    assert isinstance(closed, Unservable)
    assert "open to you" in closed.reason


@pytest.mark.parametrize("number", ["112", "+1", "+1202555,1", "7001"])
def test_what_cannot_be_dialled_is_not_held_for_a_trunk(number: str) -> None:
    with pytest.raises(TelephonyMisuse):
        a_book(a_trunk(), states={"a": TrunkState("a", breaker=SHUT)}).find(USERS[0], number)


def test_our_own_extensions_need_no_trunk() -> None:
    trunk = a_trunk(caller_ids=("+12025550100",), caller_name="Firm")
    book = a_book(trunk, states={"a": TrunkState("a", breaker=SHUT)})
    assert give(book, "7000") == Line("PJSIP/7000", None, "+12025550100", "Firm <+12025550100>")
    assert (book.live, book.shown) == ({None: 1}, set())


def test_after_the_wait_one_call_tries_the_line() -> None:
    book = a_book(a_trunk(), states={"a": TrunkState("a", breaker=SHUT)}, now=NOW + timedelta(seconds=20))
    assert trunk_of(give(book)) == "a"
    assert book.states["a"].breaker.state is BreakerState.HALF_OPEN
    second = give(book)
    assert isinstance(second, Held)
    assert "one call is trying it" in second.reason


def test_caller_ids_take_turns() -> None:
    trunk = a_trunk(caller_ids=("+12025550100", "+12025550101"), caller_name="Firm")
    book = a_book(trunk)
    found = [give(book) for _ in range(2)]
    assert [line.caller_id for line in found if isinstance(line, Line)] == [
        "Firm <+12025550100>",
        "Firm <+12025550101>",
    ]
    assert book.uses["a"]["+12025550101"].uses == 1
