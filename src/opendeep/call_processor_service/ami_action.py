"""AMI actions as values, and the one door through which anything reaches the switch.

Owns what may stand in a header: an `AmiAction` that exists is safe to send. Builders refuse what is special in a
channel string, in application data, in variables and in caller IDs with `TelephonyMisuse`. Sockets, responses and
decisions about calls must not live here. Pure.

Measured on Asterisk 22: a `Setvar` value with CR LF hung a call up (reference: AMI injection); `Hangup` takes a
`Channel` that begins with "/" as a regular expression; lines over 1,024 bytes are discarded (`main/manager.c`).
"""

import re
from dataclasses import dataclass
from uuid import UUID

from opendeep.common.errors import TelephonyMisuse

MAX_LINE_BYTES = 1_000  # Asterisk reads lines of at most 1,024 bytes
MAX_HEADERS = 60  # Asterisk keeps 128
MAX_ACTION_ID_CHARS = 69  # Asterisk copies 70 bytes into its list and originate helpers

_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")
_UNSAFE_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # all that any reader calls a line end
_DIAL_STRING = re.compile(r"[A-Za-z][A-Za-z0-9_]*/[A-Za-z0-9_+.:@/*#-]{1,200}")
_CHANNEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.:@/*#;-]{0,148}")
_VARIABLE_NAME = re.compile(r"_{0,2}[A-Za-z][A-Za-z0-9_]{0,79}")
_PLAIN_VALUE = re.compile(r"[^,;|&$(){}\[\]<>\"'`\\]*")  # nothing that the dialplan or a list of variables splits on
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_CALLER_NUMBER = re.compile(r"\+?[0-9]{1,20}")
_DIGIT = re.compile(r"[0-9*#A-D]")
CALLEE_VARIABLE = "OPENDEEP_CALLEE"  # read by `join` of `opendeep-transfer` in deploy/asterisk/extensions.conf
_PLACE = re.compile(r"[A-Za-z0-9_+*#-]{1,79}")


@dataclass(frozen=True, slots=True, repr=False)
class AmiAction:
    """One action: its name, its headers in order, and the `ActionID` (the client gives one where it is None).

    Raises `TelephonyMisuse` for anything that could become a second header, a second action or a cut line.
    """

    name: str
    headers: tuple[tuple[str, str], ...] = ()
    action_id: str | None = None

    def __post_init__(self) -> None:
        if len(self.headers) > MAX_HEADERS:
            raise TelephonyMisuse(f"An AMI action may have {MAX_HEADERS} headers, this one has {len(self.headers)}.")
        if self.action_id is not None and not 0 < len(self.action_id) <= MAX_ACTION_ID_CHARS:
            raise TelephonyMisuse(f"An ActionID has 1 to {MAX_ACTION_ID_CHARS} characters.")
        for header, value in (("Action", self.name), ("ActionID", self.action_id or ""), *self.headers):
            _check_header(header, value)

    def __repr__(self) -> str:
        """The name alone: headers may hold secrets and telephone numbers."""
        return f"AmiAction({self.name!r}, action_id={self.action_id!r})"

    def encode(self, action_id: str) -> bytes:
        """The bytes on the wire: CRLF lines and an empty line. `action_id` serves where the action has none."""
        chosen = self.action_id or action_id
        _check_header("ActionID", chosen)
        lines = [f"Action: {self.name}", f"ActionID: {chosen}", *(f"{name}: {value}" for name, value in self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass(frozen=True, slots=True)
class DialRequest:
    """One call to place. `channel` is a dial string such as `PJSIP/+12025550123@trunk`.

    `timeout_ms` counts from the dialling to the answer; `audiosocket` is the host and port that Asterisk connects to.
    A second line of a call has a channel id (`leg`) and an AudioSocket UUID (`sound`) of its own.
    """

    call_id: UUID
    channel: str
    audiosocket: tuple[str, int]
    timeout_ms: int
    caller_id: str | None = None
    leg: str | None = None
    sound: UUID | None = None


def login(username: str, secret: str) -> AmiAction:
    return AmiAction("Login", (("Username", username), ("Secret", secret)))


def ping() -> AmiAction:
    return AmiAction("Ping")


def originate(dial: DialRequest) -> AmiAction:
    """Place a call whose channel id, ActionID, `CALL_ATTEMPT_ID` and AudioSocket UUID are all the call's id, unless it
    is a second line."""
    identity = _channel(dial.leg or str(dial.call_id))
    if dial.timeout_ms <= 0:
        raise TelephonyMisuse("The time to wait for an answer must be more than 0 ms.")
    headers = [
        ("Channel", _matching(_DIAL_STRING, dial.channel, "a channel to dial")),
        ("ChannelId", identity),
        ("Application", "AudioSocket"),
        ("Data", f"{dial.sound or dial.call_id},{_audiosocket(dial.audiosocket)}"),
        ("Timeout", str(int(dial.timeout_ms))),
        ("Async", "true"),
        ("Variable", _assignment("CALL_ATTEMPT_ID", str(dial.call_id))),
    ]
    if dial.caller_id:
        headers.append(("CallerID", caller_id(dial.caller_id)))
    return AmiAction("Originate", tuple(headers), action_id=identity)


def hangup(channel: str, cause: int = 16) -> AmiAction:
    """End a channel by its id or name; 16 is normal clearing (Q.850)."""
    if not 0 <= cause <= 127:
        raise TelephonyMisuse(f"{cause} is not a hang-up cause (0 to 127).")
    return AmiAction("Hangup", (("Channel", _channel(channel)), ("Cause", str(cause))))


def play_dtmf(channel: str, digit: str, duration_ms: int = 120) -> AmiAction:
    """Send one keypad digit (0-9, *, #, A-D) to the far end."""
    if not 40 <= duration_ms <= 2_000:
        raise TelephonyMisuse("A keypad tone lasts 40 to 2,000 ms.")
    checked = _matching(_DIGIT, digit, "a keypad digit")
    return AmiAction("PlayDTMF", (("Channel", _channel(channel)), ("Digit", checked), ("Duration", str(duration_ms))))


def redirect(channel: str, context: str, extension: str, priority: int = 1) -> AmiAction:
    """Send a channel to another place of the dialplan."""
    if priority < 1:
        raise TelephonyMisuse("Dialplan priorities count from 1.")
    return AmiAction(
        "Redirect",
        (
            ("Channel", _channel(channel)),
            ("Context", _matching(_PLACE, context, "a dialplan context")),
            ("Exten", _matching(_PLACE, extension, "an extension")),
            ("Priority", str(priority)),
        ),
    )


def setvar(channel: str, name: str, value: str) -> AmiAction:
    """Set a channel variable. Dialplan functions (`SHELL(…)`) and values with metacharacters are refused."""
    checked = _matching(_VARIABLE_NAME, name, "a variable's name")
    plain = _matching(_PLAIN_VALUE, value, "a variable's value")
    return AmiAction("Setvar", (("Channel", _channel(channel)), ("Variable", checked), ("Value", plain)))


def set_callee(channel: str, callee: str) -> AmiAction:
    """Tell a second line whom it takes over: a channel by its name, which may have the `;` of a Local one."""
    return AmiAction(
        "Setvar", (("Channel", _channel(channel)), ("Variable", CALLEE_VARIABLE), ("Value", _channel(callee)))
    )


def core_show_channels() -> AmiAction:
    """List the channels; the answer is a list, see `AsteriskAmiClient.send_list_action`."""
    return AmiAction("CoreShowChannels")


def caller_id(text: str) -> str:
    """A caller ID as Asterisk takes it: a number, or `Name <number>`, which becomes `"Name" <number>`."""
    name, bracket, rest = text.strip().partition("<")
    if not bracket:
        return _matching(_CALLER_NUMBER, name, "a caller ID")
    number = _matching(_CALLER_NUMBER, rest.removesuffix(">"), "a caller ID")
    plain = _matching(_PLAIN_VALUE, name.strip().strip('"').strip(), "a caller's name")
    return f'"{plain}" <{number}>' if plain else number


def _assignment(name: str, value: str) -> str:
    checked = _matching(_VARIABLE_NAME, name, "a variable's name")
    return f"{checked}={_matching(_PLAIN_VALUE, value, 'a variable value')}"


def _audiosocket(address: tuple[str, int]) -> str:
    host, port = address
    if not 0 < port < 65_536:
        raise TelephonyMisuse(f"{port} is not a TCP port.")
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{_matching(_HOST, bracketed, 'a host name')}:{port}"


def _channel(text: str) -> str:
    return _matching(_CHANNEL_ID, text, "a channel")


def _matching(pattern: re.Pattern[str], text: str, what: str) -> str:
    if pattern.fullmatch(text) is None or _UNSAFE_CHARACTER.search(text):
        raise TelephonyMisuse(f"{text[:40]!r} cannot be used as {what}.")
    return text


def _check_header(name: str, value: str) -> None:
    if _HEADER_NAME.fullmatch(name) is None:
        raise TelephonyMisuse(f"{name[:40]!r} is not an AMI header.")
    if _UNSAFE_CHARACTER.search(value):
        raise TelephonyMisuse(f"The AMI header {name} must not contain control characters.")
    if len(name) + 2 + len(value.encode()) > MAX_LINE_BYTES:
        raise TelephonyMisuse(f"The AMI header {name} is longer than {MAX_LINE_BYTES} bytes.")
