"""What the AMI user of the shipped configuration may do on a real Asterisk: all that OpenDeep sends, no more."""

from __future__ import annotations

import uuid

import pytest

from opendeep.call_processor_service import ami_action
from opendeep.call_processor_service.ami_action import AmiAction, DialRequest
from tests.support.ami_wire import WireAmi

pytestmark = pytest.mark.asterisk

NOBODY = str(uuid.uuid4())
OURS = [
    ami_action.ping(),
    ami_action.core_show_channels(),
    ami_action.hangup(NOBODY),
    ami_action.play_dtmf(NOBODY, "5"),
    ami_action.redirect(NOBODY, "opendeep-check", "check"),
    ami_action.setvar(NOBODY, "NAME", "value"),
    ami_action.set_callee(NOBODY, "PJSIP/trunk-00000001"),
    ami_action.originate(DialRequest(uuid.uuid4(), "Local/nobody@opendeep-check/n", ("127.0.0.1", 9), 1_000)),
    AmiAction("Getvar", (("Variable", "IFMODULE(app_audiosocket.so)"),)),
    AmiAction("CoreSettings"),
    AmiAction("PJSIPShowRegistrationsOutbound"),
]
NOT_OURS: list[tuple[str, dict[str, str]]] = [
    ("Command", {"Command": "core stop now"}),
    ("GetConfig", {"Filename": "manager.conf"}),
    ("UpdateConfig", {"SrcFilename": "manager.conf", "DstFilename": "manager.conf"}),
    ("Reload", {}),
    ("ModuleLoad", {"LoadType": "unload", "Module": "chan_pjsip.so"}),
    ("DialplanExtensionAdd", {"Context": "opendeep-in", "Extension": "1", "Priority": "1", "Application": "NoOp"}),
    ("PJSIPShowAuths", {}),
    ("DBPut", {"Family": "a", "Key": "b", "Val": "c"}),
    ("MixMonitor", {"Channel": NOBODY, "File": "x", "Command": "id"}),
    ("AGI", {"Channel": NOBODY, "Command": "VERBOSE"}),
    ("UserEvent", {"UserEvent": "Forged"}),
    ("Filter", {"Operation": "Add", "Filter": "!.*"}),
]
MAY_BE_MISSING = ("AGI",)  # of modules that the shipped configuration does not load


@pytest.mark.parametrize("action", OURS, ids=lambda action: action.name)
async def test_what_we_send_is_allowed(wire_ami: WireAmi, action: AmiAction) -> None:
    answer = await wire_ami.send(action.name, **dict(action.headers))
    assert not answer.get("Message", "").startswith(("Permission denied", "Invalid/unknown command"))


@pytest.mark.parametrize(("action", "headers"), NOT_OURS, ids=[action for action, _ in NOT_OURS])
async def test_everything_else_is_refused(wire_ami: WireAmi, action: str, headers: dict[str, str]) -> None:
    answer = await wire_ami.send(action, **headers)
    assert answer["Response"] == "Error"
    unknown = action in MAY_BE_MISSING and answer["Message"].startswith("Invalid/unknown command")
    assert answer["Message"] == "Permission denied" or unknown


@pytest.mark.parametrize("application", ["System", "TrySystem", "ExternalIVR", "MixMonitor"])
async def test_no_program_is_started_through_originate(wire_ami: WireAmi, application: str) -> None:
    answer = await wire_ami.send(
        "Originate", Channel="Local/check@opendeep-check/n", Application=application, Data="id", Async="true"
    )
    assert (answer["Response"], answer["Message"]) == ("Error", "Originate Access Forbidden: app or data blacklisted")


READERS = ["SHELL(id)", "FILE(/etc/passwd)", "ENV(PATH)", "DB(a/b)", "AST_CONFIG(manager.conf,opendeep,secret)"]


@pytest.mark.parametrize("function", READERS)
async def test_no_secret_is_read_through_a_function(wire_ami: WireAmi, function: str) -> None:
    answer = await wire_ami.send("Getvar", Variable=function)
    assert answer.get("Value", "") == ""
