"""Understanding an utterance while it is not yet sure that it is over.

The turn ends after half a second of silence; decoding takes about as long again. A pause of `PAUSE_MS` is mostly the
end: what was said is decoded then, and whoever goes on after all costs a decoding that nobody waits for. Pure.
"""

from typing import Final

from opendeep.offline.realtime.line import Line

PAUSE_MS: Final = 200


class Foresight:
    """Of one line: for which pause the utterance was decoded ahead."""

    def __init__(self) -> None:
        self._voiced_until_ms: int | None = None

    def due(self, line: Line) -> bool:
        """Whether to decode now; once for each pause."""
        until_ms = line.voiced_until_ms
        if not line.speaking or until_ms == self._voiced_until_ms or line.now_ms - until_ms < PAUSE_MS:
            return False
        self._voiced_until_ms = until_ms
        return True

    def held(self, line: Line) -> bool:
        """The utterance is over: whether nothing was said after what was decoded ahead."""
        return self._voiced_until_ms == line.voiced_until_ms
