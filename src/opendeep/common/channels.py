"""Names of the doorbell's channels, in one place.

A bell says "look at your rows"; its message is a hint, never the truth. `call:{id}` carries messages between the two
handlers of one live call, `user:{id}:events` what the pages of one user show in real time.
"""

from uuid import UUID

CAMPAIGNS_PREPARING = "bell:campaigns_preparing"  # confirmed plans whose tasks are not all written: the preparer looks
TASKS_DUE = "bell:tasks_due"  # something may be due: the scheduler looks
TASKS_QUEUED = "bell:tasks_queued"  # QUEUED_FOR_CALL rows: the call initiator looks
CALLS_ENDED = "bell:calls_ended"  # PENDING_ANALYSIS rows: the analyser looks
TASKS_FINISHED = "bell:tasks_finished"  # a task became terminal: the summariser looks
LIFECYCLE = "bell:lifecycle"  # something unusual: the lifecycle manager looks

VOICE_UNAVAILABLE = "voice_unavailable"  # reason of `hangup` and `media_ended`: the callee heard nothing of us
USER_HUNG_UP = "user_hung_up"  # reason of `hangup`


def user_events(user_id: UUID) -> str:
    """Events for the pages of one user."""
    return f"user:{user_id}:events"


def call_commands(call_id: UUID) -> str:
    """Between `CallAttemptHandler`, `AudioSocketHandler` and whoever controls the live call."""
    return f"call:{call_id}"


def call_sound(call_id: UUID) -> str:
    """What a live call sounds like, from its node to whoever listens; silent while nobody does."""
    return f"call:{call_id}:sound"


def call_microphone(call_id: UUID) -> str:
    """The microphone of a user who has taken the call over, to the call's node."""
    return f"call:{call_id}:microphone"


def node_calls(node_id: str) -> str:
    """From call attempts to the `AudioSocketServer` of the same voice node: a call to expect."""
    return f"node:{node_id}:calls"
