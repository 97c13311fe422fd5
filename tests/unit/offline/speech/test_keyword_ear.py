"""What the keyword ear spotted is believed, unless the sentence explains the sound in another way."""

import pytest

from opendeep.offline.speech.decoder import KEYWORDS, believed


@pytest.mark.parametrize(
    ("phrase", "sentence", "meant"),
    [
        ("stop calling", "thank you for calling the restaurant how can i help you", ()),
        ("stop calling", "this is an ai assistant calling on behalf of the office", ()),
        ("stop calling", "hello how nice that somebody is calling", ()),
        ("to be called", "you are now my assistant called next number", ()),
        ("leave your message", "hello this is tom i got your message", ()),
        ("call list", "your call is important to us please hold the line", ()),
        ("don't call again", "he is not here can you call again tomorrow at three", ()),
        ("remove me from", "to remove everybody from the list", ()),
        ("call list", "take me off your call list", ("opt_out",)),
        ("don't call again", "can you please not call again", ("opt_out",)),
        ("do not call again", "i don't want you to call again", ("opt_out",)),
        ("remove me from", "please remove my name from the list", ("opt_out",)),
        ("stop calling", "stop calling me take me off your list", ("opt_out",)),
        ("stop calling", "", ("opt_out",)),  # nothing was understood: the ear is all there is
        ("stop calling", "please drop calling me", ("opt_out",)),
        ("to be called", "i do not want to be called", ("opt_out",)),
        ("leave your message", "please leave your message", ("voicemail",)),
    ],
)
def test_a_sound_that_the_sentence_explains_is_not_believed(phrase: str, sentence: str, meant: tuple[str, ...]) -> None:
    assert believed({phrase}, sentence) == meant


def test_every_other_phrase_is_believed_in_any_sentence() -> None:
    assert believed({"off your list", "stop calling"}, "thank you for calling") == ("opt_out",)
    assert believed({"after the beep", "leave me alone"}, "anything") == tuple(KEYWORDS)
