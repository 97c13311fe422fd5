"""The line of one live call: what goes out every 20 ms, what comes in, in which format, and the call's own time.

Owns the playout, the recording's alignment and the AudioSocket connection while there is one; whoever wants to hear
the callee is in `hearers`, whoever wants to hear us in `watchers`. What is said, and when the call ends, is
`audio_socket_handler`'s.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from opendeep.audio_processing_service.audiosocket_connection import AudioSocketConnection
from opendeep.audio_processing_service.echo import DELAY_MS, HEARD_MS, echo_likeness
from opendeep.audio_processing_service.g711 import Law
from opendeep.audio_processing_service.line_sentences import LineSentence, line_sound
from opendeep.audio_processing_service.playout import LOCAL_ITEM, Playout, PlayoutEvent
from opendeep.audio_processing_service.recorder import Recorder
from opendeep.audio_processing_service.resampling import Resampler
from opendeep.audio_processing_service.ticker import Ticker
from opendeep.audio_processing_service.voice_format import KINDS, NARROW_HZ, LineFormat, VoiceFormat, line_format
from opendeep.config.prompt_line_faults import spoken_language

FRAME_MS: Final = 20
CHECK_MS: Final = 100
PLAYED_MS: Final = HEARD_MS + DELAY_MS
SILENT_FRAME: Final = bytes(NARROW_HZ * FRAME_MS // 1000 * 2)


@dataclass(frozen=True, slots=True)
class LinePorts:
    """What the line reports. None of these may block. `check`: every 100 ms of the call, once the line has come."""

    played: Callable[[PlayoutEvent], None]
    check: Callable[[], None]
    digit: Callable[[str], None]
    closed: Callable[[str], None]


class CallLine:
    """One per call. Implements the connection's `Listener`.

    The line has 8 kHz until its first frame of sound says otherwise, and that rate from then on.
    """

    def __init__(self, ticker: Ticker, counters: Counter[str], ports: LinePorts, voice: VoiceFormat) -> None:
        self._ticker = ticker
        self._counters = counters
        self._ports = ports
        self._connection: AudioSocketConnection | None = None
        self._next_check_ms = 0
        self._recorder: Recorder | None = None
        self._played: deque[bytes] = deque(maxlen=PLAYED_MS // FRAME_MS)  # 8 kHz, newest last; silence is b""
        self._heard: deque[bytes] = deque(maxlen=HEARD_MS // FRAME_MS)
        self._voice = voice
        self._format: LineFormat = line_format(voice, NARROW_HZ)
        self._settled = False
        way = self._format
        self.playout = Playout(bytes(2), way.bytes_per_ms, convert=way.speak, restart=way.restart)
        self._source: Callable[[], bytes | None] = self.playout.next_frame  # 20 ms of the line's sound, None: silence
        self.listen: Callable[[bytes], None] = _nobody  # gets each frame of the callee, s16le at the line's rate
        self.hearers: list[Callable[[bytes], None]] = []  # get each frame of the callee, s16le at 8 kHz
        self.language = ""  # of the sentences that the line says itself
        self.watchers: list[Callable[[bytes | None], None]] = []  # get each frame of ours as it leaves, None: silence
        self.now_ms = 0  # of the call: 20 for each tick since the line came

    @property
    def attached(self) -> bool:
        """The call has, or had, a line."""
        return self._connection is not None

    def attach(self, connection: AudioSocketConnection) -> None:
        """The one connection of this call has come: its beat is ours from now on."""
        self._connection = connection
        connection.adopt(self)

    def record(self, recorder: Recorder) -> None:
        """Record from now on; the time before is silence."""
        for _ in range(self.now_ms // FRAME_MS):
            recorder.tick(None)
        self._recorder = recorder
        self.hearers.append(recorder.hear)
        self.watchers.append(recorder.tick)

    def stop_recording(self) -> None:
        """From now on nothing is handed to the recorder."""
        if self._recorder is not None:  # new lists: the line may be going through the old ones
            recorder, self._recorder = self._recorder, None
            self.hearers = [each for each in self.hearers if each != recorder.hear]
            self.watchers = [each for each in self.watchers if each != recorder.tick]

    def say(self, sentence: LineSentence) -> None:
        """Words of our own after what is queued: the voice AI is away, and the callee knows that the line lives."""
        item = f"{LOCAL_ITEM}{sentence.stem}-{self.now_ms}"
        self.playout.append(item, line_sound(sentence, spoken_language(self.language), self._voice))
        self.playout.complete(item)

    def lend(self, voice: Callable[[], bytes | None] | None) -> None:
        """Let somebody else speak, 20 ms of µ-law at a time (None: silence); without a voice it is the AI's again."""
        if voice is None:
            self._source = self.playout.next_frame
            return
        wide = None if self._format.rate_hz == NARROW_HZ else Resampler(NARROW_HZ, self._format.rate_hz)

        def frame() -> bytes | None:
            audio = voice()
            pcm = None if audio is None else Law.ULAW.decode(audio)
            return pcm if wide is None or pcm is None else wide.convert(pcm)

        self._source = frame

    def echo(self) -> float:
        """How much the last 0.4 s of the callee sound like what was played before, 0 to 1."""
        played = b"".join([frame or SILENT_FRAME for frame in self._played])
        return echo_likeness(played, b"".join(self._heard))

    def close(self) -> None:
        """Stop sending and hang up. Idempotent."""
        self._ticker.remove(self.tick)
        if self._connection is not None:
            self._connection.hang_up()

    # -- called by the connection and the ticker

    def hear(self, pcm: bytes, rate_hz: int) -> None:
        """Audio of the callee, s16le."""
        if rate_hz != self._format.rate_hz and not self._change_rate(rate_hz):
            self._counters["wrong_rate"] += 1
            return
        self._settled = True
        self.listen(pcm)
        narrow = self._format.narrow_heard(pcm)
        self._heard.append(narrow)
        for hearer in self.hearers:
            hearer(narrow)

    def for_voice(self, pcm: bytes) -> bytes:
        """Audio of the callee, s16le at the line's rate, as the voice AI takes it."""
        return self._format.hear(pcm)

    def _change_rate(self, rate_hz: int) -> bool:
        """The first frame of a wideband line; False where it is not the first, or of a rate that we do not speak."""
        if self._settled or rate_hz not in KINDS:
            return False
        waiting = Resampler(self._format.rate_hz, rate_hz)
        self._format = way = line_format(self._voice, rate_hz)
        self.playout.change_format(way.bytes_per_ms, way.speak, way.restart, waiting.convert)
        return True

    def digit(self, digit: str) -> None:
        """The callee pressed a key."""
        self._ports.digit(digit)

    def line_closed(self, reason: str) -> None:
        """The AudioSocket is gone."""
        self._ports.closed(reason)

    def tick(self, frames: int) -> None:
        """`frames` of 20 ms are due on the line."""
        out = []
        for _ in range(frames):
            pcm = self._source()
            out.append(self._format.silence if pcm is None else self._format.header + pcm)
            narrow = None if pcm is None else self._format.narrow_spoken(pcm)
            self._played.append(narrow or b"")
            for watcher in self.watchers:
                watcher(narrow)
            self.now_ms += FRAME_MS
            if self.playout.events:
                self._report_played()  # at the time of its own frame, also when several are made up for
        if self._connection is not None and not self._connection.send(out[0] if frames == 1 else b"".join(out)):
            self._counters["frame_dropped"] += frames
        if self.now_ms >= self._next_check_ms:
            self._next_check_ms = self.now_ms + CHECK_MS
            self._ports.check()

    def _report_played(self) -> None:
        events, self.playout.events = self.playout.events, []
        for event in events:
            self._ports.played(event)


def _nobody(_: bytes) -> None: ...
