"""The judge of the chaos runs must see what is wrong, or its silence means nothing."""

import math
import random
from collections import Counter
from pathlib import Path

from opendeep.call_processor_service.line_records import MAX_FORGIVEN
from tests.chaos.callees import KINDS, Invite, kind_of, number
from tests.chaos.evidence import Ring, rings
from tests.chaos.faults import FAULTS, choose
from tests.chaos.judge import MAX_RINGS, dialled, worked

NUMBER = "+12025550100"


def ring(call_id: str, began_at: float, ended_at: float | None, dialled_number: str = NUMBER) -> Ring:
    return Ring(dialled_number, call_id, began_at, ended_at)


def test_calls_one_after_the_other_are_fine() -> None:
    assert dialled([ring("b", 20.0, 25.0), ring("a", 10.0, 20.0)], [[]], [], {}) == []


def test_a_call_into_a_call_is_seen() -> None:
    (finding,) = dialled([ring("a", 10.0, 20.0), ring("b", 15.0, 16.0)], [[]], [], {})
    assert "5.0 s before" in finding


def test_a_long_call_is_not_forgotten_over_a_short_one() -> None:
    seen = [ring("a", 10.0, 40.0), ring("b", 15.0, 16.0), ring("c", 30.0, 31.0)]
    assert len(dialled(seen, [[]], [], {})) == 2


def test_a_call_without_an_end_lasts() -> None:
    (finding,) = dialled([ring("a", 10.0, None), ring("b", 500.0, 501.0)], [[]], [], {})
    assert f"{math.inf} s before" in finding


def test_the_death_of_its_own_switch_ends_a_call() -> None:
    seen = [ring("a", 10.0, None), ring("b", 20.0, 25.0)]
    invites = [[Invite(10.0, NUMBER, "a")], [Invite(20.0, NUMBER, "b")]]
    assert dialled(seen, invites, [(15.0, 0)], {NUMBER: 2}) == []
    assert len(dialled(seen, invites, [(15.0, 1)], {NUMBER: 2})) == 1  # another switch died
    assert len(dialled(seen, invites, [(5.0, 0)], {NUMBER: 2})) == 1  # before the call


def test_the_budget_is_counted_at_the_phones() -> None:
    rang = [ring(f"a{n}", n * 10.0, n * 10.0 + 1) for n in range(MAX_RINGS)]
    assert dialled(rang, [[]], [], {}) == []
    (finding,) = dialled([*rang, ring("once more", 900.0, 901.0)], [[]], [], {})
    assert f"rang {MAX_RINGS + 1} times" in finding


def test_a_call_that_is_not_on_record_is_seen() -> None:
    invites = [[Invite(10.0, NUMBER, "a")], [Invite(20.0, NUMBER, "b")]]
    assert dialled([], invites, [], {NUMBER: 2}) == []
    (finding,) = dialled([], invites, [], {NUMBER: 1})
    assert "on record are 1" in finding


def test_what_the_trunk_refuses_is_bounded_too() -> None:
    many = MAX_RINGS + MAX_FORGIVEN + 1
    invites = [[Invite(float(n), NUMBER, f"a{n}") for n in range(many)]]
    (finding,) = dialled([], invites, [], {NUMBER: many})
    assert f"dialled {many} times" in finding


def test_a_run_in_which_nobody_is_reached_proves_nothing() -> None:
    assert worked(10, [number(n) for n in range(10)], 5) == []
    assert len(worked(10, [], 0)) == 2


def test_sipp_traces_are_read(tmp_path: Path) -> None:
    lines = [
        ("R", "a", "CSeq:1 INVITE", f"INVITE sip:{NUMBER}@127.0.0.1:5070 SIP/2.0"),
        ("S", "a", "CSeq:1 INVITE", "SIP/2.0 180 Ringing"),
        ("S", "a", "CSeq:1 INVITE", "SIP/2.0 200 OK"),
        ("R", "a", "CSeq:2 BYE", "BYE sip:127.0.0.1:5070 SIP/2.0"),
        ("S", "a", "CSeq:2 BYE", "SIP/2.0 200 OK"),
        ("R", "b", "CSeq:1 INVITE", f"INVITE sip:{NUMBER}@127.0.0.1:5070 SIP/2.0"),
        ("S", "b", "CSeq:1 INVITE", "SIP/2.0 486 Busy Here"),
        ("R", "c", "CSeq:1 INVITE", f"INVITE sip:{NUMBER}@127.0.0.1:5070 SIP/2.0"),
        ("S", "c", "CSeq:1 INVITE", "SIP/2.0 200 OK"),
    ]
    trace = tmp_path / "trace"
    trace.write_text(
        "".join(f"2026-11-22\t21:00:00\t{at}.5\t" + "\t".join(fields) + "\n" for at, fields in enumerate(lines)) + "cut"
    )
    assert rings([trace, tmp_path / "missing"]) == [
        ring("a", 0.5, 3.5),
        ring("b", 5.5, 6.5),
        ring("c", 7.5, None),
    ]


def test_the_callees_are_spread_as_their_shares_say() -> None:
    assert Counter(kind_of(position).name for position in range(100)) == {kind.name: kind.share for kind in KINDS}
    assert len({number(position) for position in range(1000)}) == 1000


def test_every_fault_comes_once_before_any_comes_twice() -> None:
    chosen = choose(random.Random(7), 2 * len(FAULTS))
    assert {fault.name for fault in chosen[: len(FAULTS)]} == {fault.name for fault in FAULTS}
    assert choose(random.Random(7), 5) == chosen[:5]
