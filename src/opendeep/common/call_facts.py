"""Lines of a call's timeline that are facts for whoever reads the call later, and what their data hold.

The live call writes them, the analyser reads them; both sides know only this module of each other. A `turn` is the
number of the transcript turn that a fact rests on, None when the callee had said nothing yet.
"""

from typing import Final

END_REQUESTED: Final = "call.end_requested"  # reason, note: the AI ends the call
ANSWERED_BY: Final = "call.answered_by"  # answered_by, confidence: as the line sounded; the last one counts
CALLBACK_PROMISED: Final = "call.callback_promised"  # at (ISO, UTC), words, turn: the last one counts
DO_NOT_CALL: Final = "call.do_not_call"  # words, turn: the callee wants no more calls
RESULT_RECORDED: Final = "call.result_recorded"  # key, value, words, turn: an answer; the last of each key counts
TRANSFER_DIALLED: Final = "call.transfer_dialled"  # target: a person is called, and the callee waits with the AI
TRANSFER_BRIEFED: Final = "call.transfer_briefed"  # target: they have picked up and are told who is on the line
TRANSFERRED: Final = "call.transferred"  # target: the callee left the AI for a person's line
TRANSFER_ANSWERED: Final = "call.transfer_answered"  # target: and that person talks with the callee
STOPPED_BY_USER: Final = "call.stopped_by_user"  # the user hung up from outside
TRANSFER_FAILED: Final = "call.transfer_failed"  # target: or does not
MEMORY_GIVEN: Final = "call.memory_given"  # contact_facts (ids), standing_facts (places), profile_version
