"""What a call's voice costs: the provider's counts times the prices that hold, and nothing guessed."""

import pytest

from opendeep.common.voice_prices import PUBLISHED, ModelPrice, Rate, parse_prices, prices_for, voice_cost

OPENAI = "wss://api.openai.com/v1/realtime"
REALTIME = {
    "total_tokens": 3_300,
    "input_tokens": 2_300,
    "output_tokens": 1_000,
    "input_token_details": {
        "audio_tokens": 2_000,
        "text_tokens": 300,
        "cached_tokens": 1_100,
        "cached_tokens_details": {"audio_tokens": 1_000, "text_tokens": 100},
    },
    "output_token_details": {"audio_tokens": 800, "text_tokens": 200},
}
USED = {"model": "gpt-realtime-2.1", "transcription_model": "gpt-transcribe", "realtime": REALTIME, "transcription": {}}


def test_tokens_are_paid_by_kind_and_the_cached_ones_less() -> None:
    cost = voice_cost(USED, PUBLISHED)
    assert cost is not None
    assert cost["parts"] == {
        "audio_in": 0.032, "audio_cached": 0.0004, "audio_out": 0.0512,
        "text_in": 0.0008, "text_cached": 0.00004, "text_out": 0.0048,
    }  # fmt: skip
    assert cost["usd"] == pytest.approx(sum(cost["parts"].values()))
    assert cost["unpriced"] == []


def test_a_model_without_a_price_is_named_and_not_guessed() -> None:
    used = {**USED, "transcription": {"seconds": 90.0}}
    cost = voice_cost(used, PUBLISHED)
    assert cost is not None
    assert cost["unpriced"] == ["gpt-transcribe"]
    assert voice_cost({**used, "realtime": {}}, PUBLISHED) is None
    stated = voice_cost(used, {**PUBLISHED, "gpt-transcribe": ModelPrice(minute=0.006)})
    assert stated is not None
    assert stated["parts"]["transcription"] == pytest.approx(0.009)
    assert stated["unpriced"] == []


def test_transcription_that_is_sold_by_token() -> None:
    counted = {"input_tokens": 500, "output_tokens": 40, "input_token_details": {"audio_tokens": 500, "text_tokens": 0}}
    used = {**USED, "realtime": {}, "transcription": counted}
    cost = voice_cost(used, {"gpt-transcribe": ModelPrice(Rate(6.0, 6.0, 0.0), Rate(2.5, 2.5, 10.0))})
    assert cost is not None
    assert cost["usd"] == pytest.approx((500 * 6.0 + 40 * 10.0) / 1_000_000)


def test_more_cached_than_there_was_costs_no_negative_amount() -> None:
    odd = {"input_token_details": {"audio_tokens": 5, "cached_tokens_details": {"audio_tokens": 50}, "text_tokens": -3}}
    cost = voice_cost({**USED, "realtime": odd}, PUBLISHED)
    assert cost is not None
    assert all(amount >= 0 for amount in cost["parts"].values())


def test_published_prices_hold_at_their_publisher_only() -> None:
    assert "gpt-realtime-2.1" in prices_for(OPENAI, {})
    assert prices_for("ws://127.0.0.1:8203/v1/realtime", {}) == {}
    own = {"gpt-realtime-2.1": ModelPrice(minute=0.01)}
    assert prices_for(OPENAI, own)["gpt-realtime-2.1"] == own["gpt-realtime-2.1"]


def test_prices_as_they_are_written() -> None:
    prices = parse_prices(("gpt-realtime-2.1 = 32/0.40/64 ; 4/0.4/24", "gpt-transcribe=0.006"))
    assert prices["gpt-realtime-2.1"] == PUBLISHED["gpt-realtime-2.1"]
    assert prices["gpt-transcribe"] == ModelPrice(minute=0.006)


@pytest.mark.parametrize("text", ["gpt", "gpt=", "=3", "gpt=1/2", "gpt=1/2/3", "gpt=a", "gpt=-1", "gpt=nan", "gpt=1e9"])
def test_what_is_no_price_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="MODEL=AUDIO;TEXT"):
        parse_prices((text,))
