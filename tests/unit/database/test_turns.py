"""The rules of taking turns, tried with tenants, campaigns, priorities and lines of every kind."""

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from opendeep.database.turns import MAX_REMEMBERED, Lane, Load, Ring, Turns, first_served, share

NOTHING = Load({}, {})


def tenant(number: int) -> UUID:
    return UUID(int=1000 * (number + 1))


def campaign(of: int, number: int) -> UUID:
    return UUID(int=1000 * (of + 1) + number + 1)


@st.composite
def lanes_of_tenants(draw: st.DrawFn) -> list[Lane]:
    """Up to 5 tenants with up to 3 campaigns of up to 3 priorities each."""
    keys = st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(-1, 1))
    chosen = draw(st.dictionaries(keys, st.integers(1, 12), min_size=1, max_size=20))
    return [Lane(tenant(t), campaign(t, c), priority, due) for (t, c, priority), due in chosen.items()]


@st.composite
def loads(draw: st.DrawFn) -> Load:
    campaigns = draw(st.dictionaries(st.tuples(st.integers(0, 4), st.integers(0, 2)), st.integers(1, 4), max_size=6))
    tenants: Counter[UUID] = Counter()
    for (t, _), count in campaigns.items():
        tenants[tenant(t)] += count
    return Load(tenants, {campaign(t, c): count for (t, c), count in campaigns.items()})


def by_tenant(taken: Mapping[Lane, int]) -> Counter[UUID]:
    counts: Counter[UUID] = Counter()
    for lane, count in taken.items():
        counts[lane.user_id] += count
    return counts


def claim(lines: int, lanes: list[Lane], load: Load, turns: Turns, cap: int | None = None) -> dict[Lane, int]:
    """As the store does it: first who comes first, then what they get."""
    first = first_served({lane.user_id for lane in lanes}, load, turns, cap, lines)
    return share(lines, [lane for lane in lanes if lane.user_id in first], load, turns, cap)


caps = st.one_of(st.none(), st.integers(1, 6))


@given(lanes_of_tenants(), loads(), st.integers(0, 30), caps)
def test_no_line_goes_to_the_one_who_has_more(lanes: list[Lane], load: Load, lines: int, cap: int | None) -> None:
    """Max-min: whoever got a line ends at most one above everybody who still waits for one and may have it."""
    taken = share(lines, lanes, load, Turns(), cap)
    assert all(0 < count <= lane.due for lane, count in taken.items())
    got = by_tenant(taken)
    level = {lane.user_id: load.tenants.get(lane.user_id, 0) + got[lane.user_id] for lane in lanes}
    left = Counter({user: sum(lane.due for lane in lanes if lane.user_id == user) for user in level})
    left.subtract(got)
    waiting = [user for user in level if left[user] and (cap is None or level[user] < cap)]
    for served in got:
        assert cap is None or level[served] <= max(cap, load.tenants.get(served, 0))
        assert all(level[served] <= level[waits] + 1 for waits in waiting)
    assert sum(got.values()) == lines or not waiting, "a line stays free only when nobody may have it"


@given(lanes_of_tenants(), loads(), st.integers(0, 30), caps, st.sets(st.integers(0, 4)))
def test_who_is_refused_comes_before_the_others_only_in_turn(
    lanes: list[Lane], load: Load, lines: int, cap: int | None, refused: set[int]
) -> None:
    """A round goes on until its lines are taken. Nobody has more turns in it than those who wait have lines."""
    turns, never, asked = Turns(), {tenant(number) for number in refused}, Counter[UUID]()
    due = {(lane.user_id, lane.campaign_id, lane.priority): lane.due for lane in lanes}
    while lines > 0 and (taken := claim(lines, [Lane(*key, n) for key, n in due.items() if n], load, turns, cap)):
        for lane, count in taken.items():
            due[lane.user_id, lane.campaign_id, lane.priority] -= count
            asked[lane.user_id] += count
            if lane.user_id in never:
                for _ in range(count):
                    turns.refuse(lane.user_id, lane.campaign_id)
            else:
                load = load.plus({lane: count})
                lines -= count
    on_line = load.tenants
    level = {user: on_line.get(user, 0) + (asked[user] if user in never else 0) for user, _, _ in due}
    waiting = {user for (user, _, _), n in due.items() if n and (cap is None or on_line.get(user, 0) < cap)}
    assert all(level[user] <= level[waits] + 1 for user in asked for waits in waiting)
    assert lines == 0 or not waiting


@given(lanes_of_tenants(), loads(), st.integers(1, 30))
def test_priorities_count_inside_a_tenant(lanes: list[Lane], load: Load, lines: int) -> None:
    """A lane gives something only when every lane of its tenant with more priority is empty."""
    taken = share(lines, lanes, load, Turns())
    for lane in taken:
        above = [other for other in lanes if other.user_id == lane.user_id and other.priority > lane.priority]
        assert all(taken.get(other, 0) == other.due for other in above)


@given(lanes_of_tenants(), loads(), st.integers(1, 30))
def test_priority_wins_nothing_over_others(lanes: list[Lane], load: Load, lines: int) -> None:
    boasting = [Lane(a.user_id, a.campaign_id, a.priority + 100 * (a.user_id == tenant(0)), a.due) for a in lanes]
    assert by_tenant(share(lines, lanes, load, Turns())) == by_tenant(share(lines, boasting, load, Turns()))


@given(lanes_of_tenants(), loads(), st.integers(1, 8), caps)
def test_the_first_served_are_enough(lanes: list[Lane], load: Load, lines: int, cap: int | None) -> None:
    """Looking only at the tenants who come first shares the lines as looking at all does."""
    first = set(first_served({lane.user_id for lane in lanes}, load, Turns(), cap, lines))
    some = [lane for lane in lanes if lane.user_id in first]
    assert share(lines, some, load, Turns(), cap) == share(lines, lanes, load, Turns(), cap)


@given(st.integers(1, 6), st.integers(1, 8), st.lists(st.integers(1, 4), min_size=1, max_size=80))
@settings(max_examples=300)
def test_tenants_who_always_have_work_are_served_alike(tenants: int, lines: int, ends: list[int]) -> None:
    """Calls of one length: what two tenants were served differs by at most the lines, however many end at once."""
    turns, served = Turns(), Counter[UUID]()
    live: list[Lane] = []
    for ended in ends:
        del live[:ended]
        lanes = [Lane(tenant(n), campaign(n, 0), n, lines) for n in range(tenants)]  # priorities differ: no matter
        taken = claim(lines - len(live), lanes, NOTHING.plus(Counter(live)), turns)
        live += [lane for lane, count in taken.items() for _ in range(count)]
        served.update(by_tenant(taken))
        counts = [served[tenant(n)] for n in range(tenants)]
        assert max(counts) - min(counts) <= lines


@given(st.integers(1, 5), st.integers(1, 6), st.lists(st.integers(0, 30), min_size=1, max_size=80))
def test_nobody_waits_for_ever(tenants: int, lines: int, lengths: list[int]) -> None:
    """Calls of any length: while lines become free, nobody is passed over for more than a round of all."""
    turns, waited = Turns(), Counter[UUID]()
    live: dict[int, tuple[Lane, int]] = {}
    for now, length in enumerate(lengths):
        live = {key: (lane, until) for key, (lane, until) in live.items() if until > now}
        lanes = [Lane(tenant(n), campaign(n, 0), n, lines) for n in range(tenants)]
        load = NOTHING.plus(Counter(lane for lane, _ in live.values()))
        taken = claim(lines - len(live), lanes, load, turns)
        new = [lane for lane, count in taken.items() for _ in range(count)]
        live |= {1_000 * now + n: (lane, now + 1 + length) for n, lane in enumerate(new)}
        on_line = {lane.user_id for lane, _ in live.values()}
        for n in range(tenants):
            waited[tenant(n)] = 0 if tenant(n) in on_line else waited[tenant(n)] + len(new)
            assert waited[tenant(n)] <= tenants + lines


@given(st.integers(2, 7), st.integers(1, 3))
def test_more_tenants_than_lines_take_turns(tenants: int, lines: int) -> None:
    """Nobody is served twice before everybody was served once, and memory of it is one id."""
    turns, order = Turns(), []
    for _ in range(tenants):
        lanes = [Lane(tenant(n), campaign(n, 0), 0, 100) for n in range(tenants)]
        order += list(by_tenant(claim(min(lines, tenants), lanes, NOTHING, turns)).elements())
    for start in range(0, len(order) - tenants + 1, tenants):
        assert len(set(order[start : start + tenants])) == tenants


def test_a_campaign_of_one_call_does_not_wait_for_one_of_many() -> None:
    """Even when the big one gets its call back at once, each time."""
    turns = Turns()
    big, small = Lane(tenant(0), campaign(0, 0), 0, 100_000), Lane(tenant(0), campaign(0, 1), 0, 1)
    first = share(1, [big, small], NOTHING, turns)
    second = share(1, [big, small], NOTHING, turns)
    assert set(first) | set(second) == {big, small}


def test_what_is_remembered_is_bounded() -> None:
    ring = Ring()
    for number in range(MAX_REMEMBERED + 5):
        ring.serve(tenant(number))
    assert (ring.served(tenant(4)), ring.served(tenant(5))) == (0, 1)
    turns = Turns()
    for number in range(MAX_REMEMBERED + 5):
        turns.campaigns(tenant(number)).serve(campaign(number, 0))
    assert turns.campaigns(tenant(5)).last == campaign(5, 0)
    assert turns.campaigns(tenant(4)).last is None


def test_who_pauses_saves_nothing_up() -> None:
    ring = Ring()
    for _ in range(50):
        ring.begin([tenant(0)])
        ring.serve(tenant(0))
    ring.begin([tenant(0), tenant(1)])
    assert ring.served(tenant(0)) - ring.served(tenant(1)) == 1
