"""What the voice AI costs: prices of a model by token or minute, and the sum over what a call has used. Pure.

Published prices are USD per million tokens, as OpenAI states them for its own service; any other server's, and those of
models that are not listed here, are the user's to state (`MODEL_PRICES`). What has no price is named, never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

PUBLISHER: Final = "api.openai.com"
MILLION: Final = 1_000_000
FORM: Final = (
    "MODEL=AUDIO;TEXT with the prices of a million tokens in/cached/out each, or MODEL=PRICE of a minute, for example "
    "gpt-realtime-2.1=32/0.40/64;4/0.40/24 or gpt-transcribe=0.006"
)


@dataclass(frozen=True, slots=True)
class Rate:
    """USD per million tokens."""

    into: float
    cached: float
    out: float


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """By token (`audio`, `text`) or, where a model is sold so, by the minute of sound."""

    audio: Rate | None = None
    text: Rate | None = None
    minute: float | None = None


Prices = Mapping[str, ModelPrice]

PUBLISHED: Final[Prices] = {
    "gpt-realtime-2.1": ModelPrice(Rate(32.0, 0.40, 64.0), Rate(4.0, 0.40, 24.0)),
    "gpt-realtime-2.1-mini": ModelPrice(Rate(10.0, 0.30, 20.0), Rate(0.60, 0.06, 2.40)),
    "gpt-realtime-whisper": ModelPrice(minute=0.017),
}


def parse_prices(entries: tuple[str, ...]) -> dict[str, ModelPrice]:
    """`MODEL_PRICES`, one entry a model. Raises ValueError that shows the form."""
    prices = {}
    for entry in entries:
        model, equals, text = (part.strip() for part in entry.partition("="))
        if not (model and equals):
            raise ValueError(f"{entry!r} is no price; write {FORM}")
        try:
            prices[model] = _price(text)
        except ValueError:
            raise ValueError(f"the price of {model} is not understood; write {FORM}") from None
    return prices


def _price(text: str) -> ModelPrice:
    if "/" not in text:
        return ModelPrice(minute=_amount(text))
    audio, text_rate = (_rate(part) for part in text.split(";", 1))
    return ModelPrice(audio, text_rate)


def _rate(text: str) -> Rate:
    into, cached, out = (_amount(one) for one in text.split("/"))
    return Rate(into, cached, out)


def _amount(text: str) -> float:
    amount = float(text)
    if not 0 <= amount < MILLION:
        raise ValueError(text)
    return amount


def prices_for(url: str, stated: Prices) -> dict[str, ModelPrice]:
    """The prices that hold at a Realtime address: those stated, and at OpenAI's own those published."""
    published = PUBLISHED if urlsplit(url).hostname == PUBLISHER else {}
    return {**published, **stated}


def voice_cost(usage: Mapping[str, Any], prices: Prices) -> dict[str, Any] | None:
    """What `calls.usage` comes to: `usd` in all, its parts, and the models in use that have no price; None when nothing
    has one.

    A conversation is billed again at each response; its cached part at the cached rate. (OpenAI, Realtime, costs)
    """
    parts: dict[str, float] = {}
    unpriced = []
    for model, used, cost in (
        (usage.get("model"), usage.get("realtime"), _conversation_cost),
        (usage.get("transcription_model"), usage.get("transcription"), _transcription_cost),
    ):
        if not used or not isinstance(used, Mapping):
            continue
        found = cost(used, prices[str(model)]) if model in prices else None
        if found is None:
            unpriced.append(str(model))
        else:
            parts |= found
    if not parts:
        return None
    return {
        "usd": round(sum(parts.values()), 6),
        "parts": {name: round(amount, 6) for name, amount in parts.items()},
        "unpriced": unpriced,
    }


def _conversation_cost(used: Mapping[str, Any], price: ModelPrice) -> dict[str, float] | None:
    if price.audio is None or price.text is None:
        return None
    given, said = _details(used, "input_token_details"), _details(used, "output_token_details")
    cached = _details(given, "cached_tokens_details")
    costs = {}
    for kind, rate in (("audio", price.audio), ("text", price.text)):
        name = f"{kind}_tokens"
        from_cache = min(_count(cached, name), _count(given, name))
        costs[f"{kind}_in"] = (_count(given, name) - from_cache) * rate.into / MILLION
        costs[f"{kind}_cached"] = from_cache * rate.cached / MILLION
        costs[f"{kind}_out"] = _count(said, name) * rate.out / MILLION
    return costs


def _transcription_cost(used: Mapping[str, Any], price: ModelPrice) -> dict[str, float] | None:
    if price.minute is not None:
        return {"transcription": _count(used, "seconds") / 60 * price.minute} if "seconds" in used else None
    if price.text is None or "input_tokens" not in used:
        return None
    heard = _details(used, "input_token_details")
    audio = price.audio or price.text
    amount = _count(heard, "audio_tokens") * audio.into + _count(heard, "text_tokens") * price.text.into
    return {"transcription": (amount + _count(used, "output_tokens") * price.text.out) / MILLION}


def _details(used: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = used.get(name)
    return found if isinstance(found, Mapping) else {}


def _count(used: Mapping[str, Any], name: str) -> float:
    found = used.get(name, 0)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) and found >= 0 else 0.0
