"""No string reaches the wire as a second header or a second action."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.ami_action import AmiAction, DialRequest
from opendeep.common.errors import TelephonyMisuse

CALL_ID = UUID("0192f0c1-0000-7000-8000-000000000001")
DIAL = DialRequest(CALL_ID, "PJSIP/+12025550123@trunk", ("127.0.0.1", 9092), 45_000, "Acme <+12025550100>")

LINE_ENDS = "\r\n\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"  # all that some reader calls the end of a line
SPECIAL = ":, ;\"'<>$&|(){}[]\\=%^~!?/@.#*+-_"
ATTACKS = ("\r\nAction: Hangup\r\nChannel: u", "\r\n\r\nAction: Originate\r\n", "\nVariable: A=B", ",B=2", "&PJSIP/1@t")
nasty = st.one_of(
    st.text(alphabet=st.one_of(st.sampled_from(LINE_ENDS + SPECIAL + "Aa1"), st.characters()), max_size=60),
    st.tuples(st.text(max_size=8), st.sampled_from(ATTACKS), st.text(max_size=8)).map("".join),
    st.tuples(st.sampled_from("Aa1+ é\u0661"), st.integers(900, 3_000)).map(lambda pair: pair[0] * pair[1]),
)


def headers_on_the_wire(data: bytes) -> list[tuple[str, str]]:
    """As the most generous reader would see it: every kind of line end ends a line."""
    assert data.endswith(b"\r\n\r\n")
    lines = data.decode().removesuffix("\r\n\r\n").splitlines()
    return [(line.partition(": ")[0], line.partition(": ")[2]) for line in lines]


def test_originate_on_the_wire() -> None:
    assert ami_action.originate(DIAL).encode("unused") == (
        b"Action: Originate\r\n"
        b"ActionID: 0192f0c1-0000-7000-8000-000000000001\r\n"
        b"Channel: PJSIP/+12025550123@trunk\r\n"
        b"ChannelId: 0192f0c1-0000-7000-8000-000000000001\r\n"
        b"Application: AudioSocket\r\n"
        b"Data: 0192f0c1-0000-7000-8000-000000000001,127.0.0.1:9092\r\n"
        b"Timeout: 45000\r\n"
        b"Async: true\r\n"
        b"Variable: CALL_ATTEMPT_ID=0192f0c1-0000-7000-8000-000000000001\r\n"
        b'CallerID: "Acme" <+12025550100>\r\n'
        b"\r\n"
    )


def test_a_second_line_has_ids_of_its_own() -> None:
    sound = UUID(int=9)
    second = replace(DIAL, leg=f"warm1-{CALL_ID}", sound=sound)
    headers = dict(headers_on_the_wire(ami_action.originate(second).encode("unused")))
    assert headers["ChannelId"] == headers["ActionID"] == f"warm1-{CALL_ID}"
    assert headers["Data"] == f"{sound},127.0.0.1:9092"
    assert headers["Variable"] == f"CALL_ATTEMPT_ID={CALL_ID}"


def test_the_callee_of_a_second_line_on_the_wire() -> None:
    assert ami_action.set_callee("u-2", "Local/+49301@opendeep-out-00000001;1").encode("4") == (
        b"Action: Setvar\r\nActionID: 4\r\nChannel: u-2\r\nVariable: OPENDEEP_CALLEE\r\n"
        b"Value: Local/+49301@opendeep-out-00000001;1\r\n\r\n"
    )
    with pytest.raises(TelephonyMisuse):
        ami_action.set_callee("u-2", "PJSIP/1,F(${SHELL(id)})")  # Bridge would take what follows as its options


def test_other_actions_on_the_wire() -> None:
    assert ami_action.hangup("u-1").encode("7") == (
        b"Action: Hangup\r\nActionID: 7\r\nChannel: u-1\r\nCause: 16\r\n\r\n"
    )
    assert ami_action.play_dtmf("u-1", "#").encode("8") == (
        b"Action: PlayDTMF\r\nActionID: 8\r\nChannel: u-1\r\nDigit: #\r\nDuration: 120\r\n\r\n"
    )
    assert ami_action.redirect("u-1", "opendeep-out", "+49301").encode("9") == (
        b"Action: Redirect\r\nActionID: 9\r\nChannel: u-1\r\nContext: opendeep-out\r\nExten: +49301\r\n"
        b"Priority: 1\r\n\r\n"
    )
    assert ami_action.setvar("u-1", "NOTE", "hello there").encode("1") == (
        b"Action: Setvar\r\nActionID: 1\r\nChannel: u-1\r\nVariable: NOTE\r\nValue: hello there\r\n\r\n"
    )
    assert ami_action.core_show_channels().encode("2") == b"Action: CoreShowChannels\r\nActionID: 2\r\n\r\n"
    assert ami_action.ping().encode("3") == b"Action: Ping\r\nActionID: 3\r\n\r\n"


BUILDERS: list[Callable[[str], AmiAction]] = [
    lambda text: AmiAction("Any", (("Header", text),)),
    lambda text: AmiAction(text, ()),
    lambda text: AmiAction("Any", ((text, "value"),)),
    lambda text: AmiAction("Any", (), action_id=text),
    lambda text: ami_action.login(text, text),
    lambda text: ami_action.originate(DialRequest(CALL_ID, text, ("127.0.0.1", 9092), 1_000)),
    lambda text: ami_action.originate(DialRequest(CALL_ID, f"PJSIP/{text}@trunk", ("127.0.0.1", 9092), 1_000)),
    lambda text: ami_action.originate(DialRequest(CALL_ID, "PJSIP/7000", (text, 9092), 1_000)),
    lambda text: ami_action.originate(DialRequest(CALL_ID, "PJSIP/7000", ("127.0.0.1", 9092), 1_000, text)),
    lambda text: ami_action.originate(DialRequest(CALL_ID, "PJSIP/7000", ("::1", 9092), 1_000, f"{text} <7000>")),
    lambda text: ami_action.originate(DialRequest(CALL_ID, "PJSIP/7000", ("::1", 9092), 1_000, f"Acme <{text}>")),
    lambda text: ami_action.originate(DialRequest(CALL_ID, f"{text}/7000", ("::1", 9092), 1_000)),
    lambda text: ami_action.originate(DialRequest(CALL_ID, f"PJSIP/7000@{text}", ("::1", 9092), 1_000)),
    lambda text: ami_action.originate(DialRequest(CALL_ID, "PJSIP/7000", ("::1", 9092), 1_000, leg=text)),
    lambda text: ami_action.hangup(text),
    lambda text: ami_action.play_dtmf("u", text),
    lambda text: ami_action.play_dtmf(text, "1"),
    lambda text: ami_action.redirect("u", text, "1"),
    lambda text: ami_action.redirect("u", "c", text),
    lambda text: ami_action.setvar("u", text, "v"),
    lambda text: ami_action.setvar("u", "NAME", text),
    lambda text: ami_action.set_callee(text, "PJSIP/trunk-00000001"),
    lambda text: ami_action.set_callee("u", text),
]


@pytest.mark.parametrize("builder", range(len(BUILDERS)))
@given(text=nasty)
def test_one_action_stays_one_action(builder: int, text: str) -> None:
    try:
        action = BUILDERS[builder](text)
    except TelephonyMisuse:
        return
    wire = headers_on_the_wire(action.encode("42"))
    expected = [("Action", action.name), ("ActionID", action.action_id or "42"), *action.headers]
    assert wire == expected
    assert max(len(line) for line in action.encode("42").split(b"\r\n")) < 1_024


def test_every_typed_action_is_held_against_nasty_strings() -> None:
    """A builder that is added later must be added here: this fails until it is."""
    public = {
        name
        for name, function in inspect.getmembers(ami_action, inspect.isfunction)
        if inspect.signature(function).return_annotation is AmiAction and not name.startswith("_")
    }
    tested = {name for build in BUILDERS for name in build.__code__.co_names if name in public}
    assert public - tested == {"ping", "core_show_channels"}  # these take nothing


# What Asterisk itself splits in a value, once the line has arrived: a dial string at & and |, application data and
# variables at commas. None of it may come from outside.
DIALPLAN = set(",&|;$(){}[]<>\"'`\\")


@given(text=nasty)
def test_no_value_of_an_originate_is_split_or_evaluated(text: str) -> None:
    for build in BUILDERS:
        try:
            action = build(text)
        except TelephonyMisuse:
            continue
        if action.name != "Originate" or not action.headers or action.headers[0][0] != "Channel":
            continue
        said = dict(action.headers)
        assert [name for name, _ in action.headers].count("Variable") == 1
        assert DIALPLAN.isdisjoint(said["Channel"])
        assert said["Variable"] == f"CALL_ATTEMPT_ID={CALL_ID}"
        identity, address = said["Data"].split(",")
        assert identity == str(CALL_ID)
        assert (DIALPLAN - set("[]")).isdisjoint(address)  # brackets belong to IPv6
        if "CallerID" in said:
            name, _, number = said["CallerID"].rpartition(" ")
            assert DIALPLAN.isdisjoint(name.strip('"'))
            assert DIALPLAN.isdisjoint(number.removeprefix("<").removesuffix(">"))


@pytest.mark.parametrize(
    "text",
    [
        "1\r\nAction: Hangup\r\nChannel: u",
        "1\nAction: Hangup",
        "1\rAction: Hangup",
        "1\x00",
        "1\u2028Action: Hangup",
        "1\u2029Action: Hangup",
        "1\x85Action: Hangup",
        "x" * 1_001,
        "\ud800",
    ],
)
def test_what_would_be_a_second_line_is_refused_everywhere(text: str) -> None:
    for build in BUILDERS:
        with pytest.raises(TelephonyMisuse):
            build(text)


@pytest.mark.parametrize(
    "channel",
    [
        "PJSIP/+1,2@trunk",
        "PJSIP/+1&PJSIP/+2@trunk",
        "PJSIP/${SHELL(id)}@trunk",
        "PJSIP/1|2",
        "PJSIP/",
        "+12025550123",
        "PJSIP/1 2",
        'PJSIP/"1"',
        "PJSIP/1;2",
        "/PJSIP/",
    ],
)
def test_dialplan_metacharacters_never_reach_a_dial_string(channel: str) -> None:
    with pytest.raises(TelephonyMisuse):
        ami_action.originate(DialRequest(CALL_ID, channel, ("127.0.0.1", 9092), 1_000))


def test_a_channel_is_never_a_regular_expression() -> None:
    with pytest.raises(TelephonyMisuse):
        ami_action.hangup("/.*/")


@pytest.mark.parametrize(
    ("name", "value"), [("SHELL(x)", "1"), ("A", "${SHELL(id)}"), ("A", "1,B=2"), ("A=B", "1"), ("", "1")]
)
def test_variables_are_names_and_plain_values(name: str, value: str) -> None:
    with pytest.raises(TelephonyMisuse):
        ami_action.setvar("u", name, value)


@pytest.mark.parametrize("digit", ["", "12", "E", "a", "w", "٣", " "])
def test_only_keypad_digits_are_played(digit: str) -> None:
    with pytest.raises(TelephonyMisuse):
        ami_action.play_dtmf("u", digit)


def test_repr_shows_no_secret() -> None:
    assert "s3cret" not in repr(ami_action.login("opendeep", "s3cret"))
