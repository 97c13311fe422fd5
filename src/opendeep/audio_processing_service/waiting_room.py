"""The callee's side while a person is fetched: the AI is silent, and a soft sound of ours says that the line lives."""

from typing import Final

from opendeep.audio_processing_service.bridge_tone import bridge_tone
from opendeep.audio_processing_service.call_line import CallLine
from opendeep.audio_processing_service.live_conversation import LiveConversation

FETCHING: Final = "fetching a person"  # why the AI is paused
FRAME_BYTES: Final = 160  # 20 ms of µ-law
PERIOD_FRAMES: Final = 150  # two soft notes every 3 s


class WaitingRoom:
    """One per call. What the callee says meanwhile is heard and written down, but not answered."""

    def __init__(self, line: CallLine, conversation: LiveConversation) -> None:
        self._line = line
        self._conversation = conversation
        self._frame = 0

    def enter(self) -> None:
        self._frame = 0
        self._conversation.pause(FETCHING)
        self._line.lend(self._comfort)

    def leave(self, *, speaks_again: bool) -> None:
        """The AI may speak again; `speaks_again` False: somebody else has the line's voice by now."""
        if speaks_again:
            self._line.lend(None)
        self._line.playout.flush()  # sounds of our own that nobody should hear late
        self._conversation.resume(FETCHING, None)

    def _comfort(self) -> bytes | None:
        tone, at = bridge_tone(), self._frame % PERIOD_FRAMES * FRAME_BYTES
        self._frame += 1
        return tone[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\xff") if at < len(tone) else None
