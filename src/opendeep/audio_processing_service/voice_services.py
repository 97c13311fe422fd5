"""What every live call of a process shares, as values handed to each `AudioSocketHandler`."""

from dataclasses import dataclass, field

from opendeep.audio_processing_service.briefing_line import SecondLines
from opendeep.audio_processing_service.call_lookups import Lookups
from opendeep.audio_processing_service.call_watch import WatchLimits
from opendeep.audio_processing_service.hold_watch import HoldLimits
from opendeep.audio_processing_service.realtime_protocol import RealtimeSettings
from opendeep.audio_processing_service.recorder import RecordingDisk
from opendeep.audio_processing_service.shared_meter import SharedMeter
from opendeep.audio_processing_service.ticker import Ticker
from opendeep.audio_processing_service.tool_ground import ToolLimits
from opendeep.audio_processing_service.voice_health import VoiceBreaker
from opendeep.audio_processing_service.voice_provider import MakeProvider
from opendeep.common.call_script import Engine
from opendeep.common.callee_place import ZoneRules
from opendeep.common.clock import Clock
from opendeep.common.redis_client import Doorbell
from opendeep.database.db_manager import DatabaseManager


@dataclass(frozen=True, slots=True)
class CallTimes:
    """Deadlines of one call, in seconds."""

    reopen_s: float = 3.0  # of a new session after a lost one
    steady_s: float = 30.0  # a session that held so long forgives its loss
    farewell_s: float = 60.0  # end_call → hang-up, at most
    farewell_quiet_s: float = 3.0  # nothing left to play, but the response is not finished
    line_close_s: float = 5.0  # our hang-up → the socket is closed
    last_words_s: float = 1.5  # after the end: recognition of what was said last
    rows_s: float = 20.0  # after the end: rows that the database did not take yet
    look_s: float = 15.0  # without a message: look at the row whether the call still lives
    goodbye_before_limit_s: float = 20.0

    @property
    def watch(self) -> WatchLimits:
        """What `CallWatch` counts in ms."""
        limits = (self.farewell_s, self.farewell_quiet_s, self.goodbye_before_limit_s)
        return WatchLimits(*(round(seconds * 1000) for seconds in limits))


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks in a call: how its sessions are made, what they have in common, and who learns of them."""

    make: MakeProvider
    settings: RealtimeSettings
    breaker: VoiceBreaker


@dataclass(frozen=True, slots=True)
class VoiceServices:
    """Built once by the composition root. `recordings` None: calls are not recorded; `lookups` None: the AI can look up
    nothing in a call. `zones`: whose clock a callee means. `breaker` learns of sessions. `scripted` holds calls word
    for word; None where that is the same voice as for all others."""

    db: DatabaseManager
    bell: Doorbell
    clock: Clock
    ticker: Ticker
    realtime: MakeProvider
    settings: RealtimeSettings
    zones: ZoneRules = field(default_factory=lambda: ZoneRules("US", (), "UTC"))
    tools: ToolLimits = field(default_factory=ToolLimits)
    hold: HoldLimits = field(default_factory=HoldLimits)
    lookups: Lookups | None = None
    recordings: RecordingDisk | None = None
    times: CallTimes = field(default_factory=CallTimes)
    breaker: VoiceBreaker = field(default_factory=VoiceBreaker)
    second_lines: SecondLines = field(default_factory=SecondLines)
    meter: SharedMeter = field(default_factory=SharedMeter)
    scripted: Voice | None = None

    @property
    def freely(self) -> Voice:
        """The voice of calls without a script."""
        return Voice(self.realtime, self.settings, self.breaker)

    def voice_for(self, engine: Engine) -> Voice:
        """Whoever speaks in calls with this engine."""
        return self.scripted if engine is Engine.SCRIPTED and self.scripted is not None else self.freely
