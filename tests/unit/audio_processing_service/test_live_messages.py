"""What comes from the bell is data: it is read whole, or not at all."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.audio_processing_service.live_messages import (
    BATCH_BYTES,
    MAX_MICROPHONE_BYTES,
    Sound,
    read_microphone,
    read_sound,
    word,
    write_microphone,
    write_sound,
)

LEVEL = st.none() | st.floats(-90, 0)
AUDIO = st.none() | st.binary(min_size=1, max_size=BATCH_BYTES)
ANYTHING: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.builds(Sound, st.integers(0, 10**9), AUDIO, AUDIO, LEVEL, LEVEL, st.none() | st.text()))
def test_sound_survives_json(sound: Sound) -> None:
    assert read_sound(orjson.loads(orjson.dumps(write_sound(sound)))) == sound


@given(st.binary(min_size=1, max_size=MAX_MICROPHONE_BYTES))
def test_the_microphone_survives_json(audio: bytes) -> None:
    assert read_microphone(orjson.loads(orjson.dumps(write_microphone("g", audio))), "g") == audio


@given(st.dictionaries(st.sampled_from(["type", "at_ms", "callee", "ours", "levels", "guest", "audio"]), ANYTHING))
def test_anything_else_is_refused_without_an_error(data: dict[str, Any]) -> None:
    read_sound(data | {"type": "sound"})
    read_microphone(data | {"type": "microphone", "guest": "g"}, "g")
    word(data, "guest")


@pytest.mark.parametrize(
    "audio", ["", "not base64!", "A" * 4_000, None, 7, ["QUFB"], "QUFB\n", "QUF"], ids=lambda audio: str(audio)[:10]
)
def test_a_microphone_message_that_is_none(audio: object) -> None:
    assert read_microphone({"type": "microphone", "guest": "g", "audio": audio}, "g") is None


def test_only_the_guest_is_heard() -> None:
    message = write_microphone("g", b"\x01")
    assert read_microphone(message, "g") == b"\x01"
    assert read_microphone(message, "h") is None
    assert read_microphone(message | {"type": "sound"}, "g") is None


def test_words_are_bounded_texts() -> None:
    assert word({"a": "x" * 64}, "a") == "x" * 64
    assert word({"a": "x" * 65}, "a") == word({"a": 7}, "a") == word({}, "a") == ""
