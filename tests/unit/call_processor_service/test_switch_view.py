"""What the switch lists, asked by several at once."""

import asyncio

import pytest

from opendeep.call_processor_service.asterisk_ami_client import AmiAddress, AmiLimits, AsteriskAmiClient
from opendeep.call_processor_service.switch_view import SwitchView
from opendeep.common.errors import TelephonyFault
from opendeep.common.ids import new_id
from tests.unit.call_processor_service.fake_switch import RIGHT, FakeSwitch


async def test_a_listing_that_began_before_the_question_is_no_answer_to_it() -> None:
    """The channel came into being after the first listing had begun."""
    call_id = new_id()
    async with FakeSwitch() as switch:
        ami = AsteriskAmiClient(AmiAddress("127.0.0.1", switch.port, "opendeep", RIGHT), limits=AmiLimits(list_s=0.5))
        await ami.connect_and_login()
        view = SwitchView(ami)
        switch.unanswered.add("CoreShowChannels")
        first = asyncio.create_task(view.channels(), name="first")
        await switch.wait_for_action("CoreShowChannels")
        switch.channels[str(call_id)] = 6
        switch.unanswered.clear()
        second, third = view.channel_of(call_id), view.channel_of(call_id)
        assert all(channel is not None for channel in await asyncio.gather(second, third))
        with pytest.raises(TelephonyFault):
            await first
        assert len(switch.named("CoreShowChannels")) == 2
        view.close()
        await ami.close()
