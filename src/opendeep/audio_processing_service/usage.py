"""What a call has used so far, the provider's own counts summed, and what it comes to. Pure.

`response.done` carries usage per response (may be null, also on cancelled ones), `input_audio_transcription.completed`
a separate one in tokens or seconds.
"""

from collections.abc import Mapping
from typing import Any

from opendeep.common.voice_prices import Prices, voice_cost

MAX_DEPTH = 4


class UsageSum:
    """Sums over every session of the call."""

    def __init__(self, model: str, transcription_model: str, prices: Prices) -> None:
        self.of(model, transcription_model, prices)
        self._realtime: dict[str, Any] = {}
        self._transcription: dict[str, Any] = {}
        self.responses = 0
        self.sessions = 0

    def of(self, model: str, transcription_model: str, prices: Prices) -> None:
        """Whose counts these are, and what they cost there."""
        self._prices = prices
        self._models = {"model": model, "transcription_model": transcription_model}

    def add_response(self, usage: object) -> None:
        self.responses += 1
        _add(self._realtime, usage)

    def add_transcription(self, usage: object) -> None:
        _add(self._transcription, usage)

    def as_json(self, **more: Any) -> dict[str, Any]:
        """For `calls.usage`. `cost` stands in it where prices are known (`voice_cost`)."""
        used = {
            **self._models,
            "sessions": self.sessions,
            "responses": self.responses,
            "realtime": self._realtime,
            "transcription": self._transcription,
            **more,
        }
        cost = voice_cost(used, self._prices)
        return used if cost is None else {**used, "cost": cost}


def _add(total: dict[str, Any], usage: object, depth: int = 0) -> None:
    """Add every number of `usage`, level by level; ignores what is no number and what is too deep."""
    if not isinstance(usage, Mapping) or depth >= MAX_DEPTH:
        return
    for key, value in usage.items():
        if isinstance(value, Mapping):
            inner = total.setdefault(str(key), {})
            if isinstance(inner, dict):
                _add(inner, value, depth + 1)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            known = total.get(str(key), 0)
            if isinstance(known, int | float):
                total[str(key)] = known + value
