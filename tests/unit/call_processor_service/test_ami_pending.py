"""A list is whole or it is an error, and every answer finds the action that asked."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.call_processor_service.ami_packets import AmiEvent, AmiResponse
from opendeep.call_processor_service.ami_pending import MAX_PENDING_ACTIONS, PendingActions
from opendeep.common.errors import TelephonyFault


def response(action_id: str) -> AmiResponse:
    return AmiResponse("Success", {"ActionID": action_id})


def entry(action_id: str, channel: str) -> AmiEvent:
    return AmiEvent("CoreShowChannel", {"ActionID": action_id, "Uniqueid": channel})


def complete(action_id: str, items: str) -> AmiEvent:
    headers = {"ActionID": action_id, "EventList": "Complete", "ListItems": items}
    return AmiEvent("CoreShowChannelsComplete", headers)


@given(st.lists(st.sampled_from("abcdef"), max_size=40))
def test_lists_that_arrive_interleaved_do_not_mix(order: list[str]) -> None:
    async def check() -> None:
        pending = PendingActions()
        waiting = {name: pending.add(name, is_list=True) for name in set(order)}
        for number, name in enumerate(order):
            assert pending.receive(entry(name, f"{name}-{number}"))
        for name, action in waiting.items():
            pending.receive(complete(name, str(order.count(name))))
            assert action.listing is not None
            expected = [f"{name}-{number}" for number, other in enumerate(order) if other == name]
            assert [item.get("Uniqueid") for item in await action.listing] == expected

    asyncio.run(check())


async def test_a_list_with_fewer_entries_than_announced_is_an_error() -> None:
    pending = PendingActions()
    action = pending.add("1", is_list=True)
    pending.receive(entry("1", "a"))
    pending.receive(complete("1", "2"))
    assert action.listing is not None
    with pytest.raises(TelephonyFault, match="announced 2 list entries, 1 came"):
        await action.listing


async def test_a_list_without_end_is_an_error_and_not_a_short_list() -> None:
    pending = PendingActions(max_list_events=3)
    action = pending.add("1", is_list=True)
    for number in range(5):
        pending.receive(entry("1", str(number)))
    pending.receive(complete("1", "5"))
    assert len(action.items) == 3
    assert action.listing is not None
    with pytest.raises(TelephonyFault, match="more than 3 entries"):
        await action.listing


@pytest.mark.parametrize("items", ["", "many", "-1", "٣"])
async def test_a_count_that_is_no_number_counts_nothing(items: str) -> None:
    pending = PendingActions()
    action = pending.add("1", is_list=True)
    pending.receive(entry("1", "a"))
    pending.receive(entry("1", "b"))
    pending.receive(entry("1", "c"))
    pending.receive(complete("1", items))
    assert action.listing is not None
    assert len(await action.listing) == 3


async def test_events_of_an_action_without_a_list_go_to_the_listeners() -> None:
    """`OriginateResponse` carries the ActionID of the originate."""
    pending = PendingActions()
    pending.add("call", is_list=False)
    assert not pending.receive(AmiEvent("OriginateResponse", {"ActionID": "call"}))
    assert not pending.receive(AmiEvent("Newstate", {}))


async def test_a_repeated_or_unknown_response_hurts_nobody() -> None:
    pending = PendingActions()
    action = pending.add("1", is_list=False)
    for answer in (response("1"), response("1"), response("other"), response("")):
        assert pending.receive(answer)
    assert (await action.response).action_id == "1"


async def test_a_lost_connection_reaches_whoever_waits() -> None:
    pending = PendingActions()
    unanswered, half = pending.add("1", is_list=False), pending.add("2", is_list=True)
    pending.receive(response("2"))
    pending.fail_all("Gone.")
    with pytest.raises(TelephonyFault, match=r"Gone\. No response came"):
        await unanswered.response
    assert half.listing is not None
    with pytest.raises(TelephonyFault, match="not complete"):
        await half.listing
    assert len(pending) == 0


async def test_it_is_full_at_its_bound_and_forgets_what_nobody_waits_for() -> None:
    pending = PendingActions()
    actions = {str(n): pending.add(str(n), is_list=False) for n in range(MAX_PENDING_ACTIONS)}
    assert pending.full
    pending.discard("0", actions["1"])  # not the one that waits under this name
    assert pending.full
    pending.discard("0", actions["0"])
    assert not pending.full
