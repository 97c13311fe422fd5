"""Which number of a pool is shown."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from opendeep.call_processor_service.caller_ids import CallerIdPool
from opendeep.common.trunk_values import CallerIdUse

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
WASHINGTON, WASHINGTON_2, NEW_YORK, LONDON, BERLIN = (
    "+12025550100", "+12025550101", "+12125550100", "+442071838750", "+493012345678"
)  # fmt: skip


def shown(pool: CallerIdPool, callees: list[str]) -> list[str | None]:
    uses: dict[str, CallerIdUse] = {}
    result: list[str | None] = []
    for turn, callee in enumerate(callees):
        number = pool.choose(callee, uses)
        if number is not None:
            known = uses.get(number) or CallerIdUse("t", number)
            uses[number] = CallerIdUse("t", number, known.uses + 1, START + timedelta(seconds=turn))
        result.append(number)
    return result


@given(st.integers(1, 12), st.integers(0, 100))
def test_turns_are_even(size: int, calls: int) -> None:
    """Between the most and the least used number there is never more than one use."""
    pool = CallerIdPool(tuple(f"+1202555{n:04}" for n in range(size)))
    counts = Counter(shown(pool, ["+493012345678"] * calls))
    assert sum(counts.values()) == calls
    assert max(counts.values(), default=0) - min((counts[n] for n in pool._numbers), default=0) <= 1


def test_an_empty_pool_shows_nothing() -> None:
    assert CallerIdPool(()).choose("+12025550123", {}) is None


def test_local_presence_prefers_the_area_then_the_country_and_takes_turns_there() -> None:
    pool = CallerIdPool((LONDON, NEW_YORK, WASHINGTON, WASHINGTON_2), local_presence=True)
    assert shown(pool, ["+12025550123"] * 3) == [WASHINGTON, WASHINGTON_2, WASHINGTON]
    assert shown(pool, ["+13105550123"] * 3) == [NEW_YORK, WASHINGTON, WASHINGTON_2]  # no Los Angeles number
    assert shown(pool, ["+442079460000"]) == [LONDON]
    assert shown(pool, [BERLIN] * 4) == [LONDON, NEW_YORK, WASHINGTON, WASHINGTON_2]  # nothing near: anyone's turn
    assert shown(pool, ["+447700900123"]) == [LONDON]  # a mobile phone has a country, no area


def test_without_local_presence_nearness_does_not_count() -> None:
    assert CallerIdPool((LONDON, WASHINGTON)).choose("+12025550123", {}) == LONDON
