"""Whose turn it is to write."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.database.writer_turns import WriterTurns

DEADLINE_S = 60.0


async def served(turns: WriterTurns, wanted: list[bool]) -> list[tuple[bool, int]]:
    """Writers come in this order (True: urgent) while the only turn is taken; in which order they had theirs."""
    order: list[tuple[bool, int]] = []

    async def write(urgent: bool, number: int) -> None:
        await turns.take(urgent=urgent)
        order.append((urgent, number))
        turns.give_back()

    await turns.take()
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        for number, urgent in enumerate(wanted):
            group.create_task(write(urgent, number), name=f"writer:{number}")
        await asyncio.sleep(0)
        turns.give_back()
    return order


async def test_the_scheduler_does_not_wait_behind_a_hundred_calls() -> None:
    order = await served(WriterTurns(), [False] * 100 + [True])
    assert order.index((True, 100)) == 0


async def test_the_urgent_ones_do_not_starve_the_calls() -> None:
    order = await served(WriterTurns(), [True] * 5 + [False] * 5)
    assert [urgent for urgent, _ in order] == [True, False] * 5


@given(st.lists(st.booleans(), max_size=30))
def test_all_have_their_turn_each_kind_in_the_order_of_arrival(wanted: list[bool]) -> None:
    order = asyncio.run(served(WriterTurns(), wanted))
    assert sorted(number for _, number in order) == list(range(len(wanted)))
    for kind in (True, False):
        numbers = [number for urgent, number in order if urgent is kind]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize("given_before", [False, True])
async def test_who_gives_up_takes_no_turn_along(given_before: bool) -> None:
    """Also when the turn was given in the moment of the cancellation."""
    turns = WriterTurns()
    await turns.take()
    gives_up = asyncio.create_task(turns.take(), name="gives-up")
    behind = asyncio.create_task(turns.take(urgent=False), name="behind")
    await asyncio.sleep(0)
    if given_before:
        turns.give_back()
    gives_up.cancel()
    if not given_before:
        turns.give_back()
    await asyncio.wait_for(behind, DEADLINE_S)
    assert gives_up.cancelled()


async def test_so_many_at_once() -> None:
    turns = WriterTurns(2)
    await turns.take()
    await turns.take()
    third = asyncio.create_task(turns.take(), name="third")
    await asyncio.sleep(0)
    assert not third.done()
    turns.give_back()
    await asyncio.wait_for(third, DEADLINE_S)
