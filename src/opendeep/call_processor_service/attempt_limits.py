"""How long one attempt waits for what. Values only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How long an attempt waits for what, in seconds."""

    response_s: float = 10.0  # Originate → Response
    channel_s: float = 10.0  # Response → first event of the channel
    ring_grace_s: float = 10.0  # beyond the originate's own timeout
    talk_grace_s: float = 20.0  # beyond the longest call: the voice side says goodbye first
    transferred_s: float = 3_600.0  # of a talk that goes on with a person
    settle_s: float = 1.0  # end of an unanswered attempt → its last event
    hangup_s: float = 3.0  # end of the audio, or our Hangup → event Hangup
    hangup_tries: int = 3
    ami_away_s: float = 20.0  # an ended call waits so long for Asterisk to come back
    recheck_s: float = 1.0  # asking again after a failed question
    media_end_s: float = 5.0  # event Hangup → the voice side has saved the last words
    cancel_s: float = 5.0  # of a handler that is being cancelled, for its last rows
