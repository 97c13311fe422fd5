"""The scripted conversation: what the local voice says on a call, as a pure state machine.

Owns the call brief it reads (`brief`), the understanding of recognised words (`understanding`, `spoken_values`,
`answers`, `keypad_menu`), the reactions (`remarks`, `machines`, `confirming`, `notes`) and the machine itself
(`machine`). Every sentence is the script's (`common.call_script`). Nothing in here knows a clock, a socket, an audio
sample or the Realtime protocol.
"""

from opendeep.offline.script.acts import Act, AwaitQuiet, CallTool, Listen, Say, SayRole
from opendeep.offline.script.brief import BriefError, CallBrief, parse_brief
from opendeep.offline.script.machine import ScriptedConversation
from opendeep.offline.script.phases import Phase
from opendeep.offline.script.understanding import Heard

__all__ = [
    "Act",
    "AwaitQuiet",
    "BriefError",
    "CallBrief",
    "CallTool",
    "Heard",
    "Listen",
    "Phase",
    "Say",
    "SayRole",
    "ScriptedConversation",
    "parse_brief",
]
