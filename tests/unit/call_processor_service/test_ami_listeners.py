"""An event reaches exactly those who asked for it, and costs nothing for those who did not."""

from hypothesis import given
from hypothesis import strategies as st

from opendeep.call_processor_service.ami_listeners import CHANNEL_HEADERS, EventListeners, Remove
from opendeep.call_processor_service.ami_packets import AmiEvent

LINES = 150


class CountingRegistry(dict[str, list[object]]):
    """A registry that knows how often it was looked into."""

    def __init__(self) -> None:
        super().__init__()
        self.lookups = 0
        self.walks = 0

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        self.lookups += 1
        return super().get(key, default)

    def __iter__(self):  # type: ignore[no-untyped-def]
        self.walks += 1
        return super().__iter__()


def test_a_channels_event_asks_no_other_calls_handler() -> None:
    """150 calls: one handler is called; the registry is looked up once per id of the event and never walked through."""
    listeners = EventListeners()
    registry = CountingRegistry()
    listeners._by_channel = registry  # type: ignore[assignment]
    asked: dict[str, int] = {}

    def handler(identity: str) -> None:
        def receive(_: AmiEvent) -> None:
            asked[identity] = asked.get(identity, 0) + 1

        listeners.add_channel(identity, receive)

    for number in range(LINES):
        handler(f"call-{number}")
    event = AmiEvent("Newstate", {"Uniqueid": "call-77", "Linkedid": "call-77", "ChannelState": "6"})
    for _ in range(10):
        listeners.dispatch(event)
    assert asked == {"call-77": 10}
    assert registry.walks == 0
    assert registry.lookups == 10  # one id, said twice in each event


def test_an_event_of_a_foreign_channel_asks_nobody() -> None:
    listeners = EventListeners()
    asked: list[AmiEvent] = []
    for number in range(LINES):
        listeners.add_channel(f"call-{number}", asked.append)
    listeners.dispatch(AmiEvent("Newstate", {"Uniqueid": "17000.5", "Linkedid": "17000.4"}))
    listeners.dispatch(AmiEvent("RTCPSent", {}))
    assert asked == []


ids = st.sampled_from(["a", "b", "c", "d", ""])


@given(st.sets(ids), st.dictionaries(st.sampled_from([*CHANNEL_HEADERS, "Channel", "CallerIDName"]), ids))
def test_each_named_channel_hears_an_event_exactly_once(registered: set[str], headers: dict[str, str]) -> None:
    listeners = EventListeners()
    heard: list[str] = []

    def listen(identity: str) -> None:
        listeners.add_channel(identity, lambda _: heard.append(identity))

    for identity in registered:
        listen(identity)
    listeners.dispatch(AmiEvent("Any", headers))
    named = {value for header, value in headers.items() if header in CHANNEL_HEADERS}
    assert sorted(heard) == sorted(registered & named)


def test_a_removed_listener_leaves_nothing_behind() -> None:
    listeners = EventListeners()
    removals = [listeners.add_channel(f"call-{number}", lambda _: None) for number in range(LINES)]
    removals += [listeners.add_named("Hangup", lambda _: None), listeners.add_generic(lambda _: None)]
    for remove in removals:
        remove()
        remove()
    assert (listeners._by_channel, listeners._by_name, listeners._generic) == ({}, {}, [])


def test_a_listener_may_remove_itself_while_it_is_called() -> None:
    listeners = EventListeners()
    heard: list[str] = []
    removals: list[Remove] = []

    def once(_: AmiEvent) -> None:
        heard.append("once")
        removals[0]()

    removals.append(listeners.add_channel("u", once))
    listeners.add_channel("u", lambda _: heard.append("always"))
    listeners.dispatch(AmiEvent("Newstate", {"Uniqueid": "u"}))
    listeners.dispatch(AmiEvent("Newstate", {"Uniqueid": "u"}))
    assert heard == ["once", "always", "always"]
