"""From posterior and likelihood to a confidence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.offline.speech.confidence import HeardWord, confidence_of

POSTERIORS = st.floats(0, 1.2)


def words(posterior: float, frames: int = 30) -> list[HeardWord]:
    return [HeardWord("tuesday", frames, posterior), HeardWord("works", frames, posterior)]


def test_what_was_measured_falls_on_the_right_side() -> None:
    assert confidence_of(words(0.88), -0.85) > 0.9
    assert confidence_of(words(0.55), -1.4) > 0.5
    assert confidence_of(words(0.54), -1.7) < 0.5
    assert confidence_of(words(0.42), -2.4) < 0.1


@given(POSTERIORS, st.floats(-6, 0), st.floats(0, 0.3), st.floats(0, 1))
def test_more_evidence_never_lowers_it(posterior: float, likelihood: float, more: float, likelier: float) -> None:
    first = confidence_of(words(posterior), likelihood)
    assert 0.0 <= first <= confidence_of(words(posterior + more), likelihood + likelier) <= 1.0


@pytest.mark.parametrize("heard", [[], words(1.0, frames=150), [*words(1.0), HeardWord("thank", 150, 1.0)]])
def test_no_words_or_words_that_last_too_long_are_no_speech(heard: list[HeardWord]) -> None:
    assert confidence_of(heard, -0.5) == 0.0
