"""The template notation, and the shipped sentences: readable, in the dictionary, and understood by the intent rules."""

import re
from pathlib import Path

import pocketsphinx
import pytest

from opendeep.offline.speech import corpus
from opendeep.offline.speech.corpus import TemplateError, TemplateReader, expand
from opendeep.offline.speech.intents import intents_of
from opendeep.offline.speech.lexicon import Lexicon

NEGATIONS = ("never", "not")
DAYS = ("monday", "tuesday")


def expanded(template: str) -> list[str]:
    reader = TemplateReader({})
    reader = TemplateReader({"day": reader.read("monday | tuesday")})
    return sorted(expand(reader.read(template), seed=template))


@pytest.mark.parametrize(
    ("template", "sentences"),
    [
        ("yes", ["yes"]),
        ("yes please", ["yes please"]),
        ("(yes|no) thanks", ["no thanks", "yes thanks"]),
        ("yes [please]", ["yes", "yes please"]),
        ("yes [please|thanks|]", ["yes", "yes please", "yes thanks"]),
        ("on {day}", ["on monday", "on tuesday"]),
        ("yes | no [(not|never) {day}]", ["no", *(f"no {a} {b}" for a in NEGATIONS for b in DAYS), "yes"]),
        ("[a|b]", ["a", "b"]),
    ],
)  # fmt: skip
def test_templates_are_expanded(template: str, sentences: list[str]) -> None:
    assert expanded(template) == sentences


@pytest.mark.parametrize("template", ["(yes", "yes)", "[yes", "yes]", "(yes]", "on {nothing}"])
def test_mistakes_in_templates_are_named(template: str) -> None:
    with pytest.raises(TemplateError):
        expanded(template)


def test_large_templates_are_sampled_the_same_way_every_time() -> None:
    template = " ".join(["(a|b|c|d)"] * 8)
    first = expanded(template)
    assert first == expanded(template)
    assert 60 < len(first) <= corpus.MOST_PER_TEMPLATE


@pytest.mark.parametrize("topic", corpus.TOPICS)
def test_every_shipped_sentence_is_plain_spoken_words(topic: str) -> None:
    sentences = corpus.sentences_of(topic)
    assert len(sentences) > 100
    assert [s for s in sentences if not re.fullmatch(r"[a-z'.]+(?: [a-z'.]+)*", s)] == []


def test_every_shipped_word_has_a_pronunciation() -> None:
    dictionary = Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"
    lexicon = Lexicon(dictionary)
    everything = [*corpus.slot_sentences(), *(s for topic in corpus.TOPICS for s in corpus.sentences_of(topic))]
    assert sorted({word for s in everything for word in s.split() if word not in lexicon}) == []


SHOWN = {
    "opt_out": {"opt_out"},
    "voicemail": {"voicemail"},
    "callback": {"callback"},
    "screening": {"screening", "greeting"},
    "questions": {"question", "repeat", "who_is_this"},
    "numbers": {"number"},
    "times": {"time", "date", "number"},
    "yes_no": {"yes", "no"},
}
SHARE = {"yes_no": 0.95, "times": 0.98}
"""The rest of yes_no is "maybe, I have to check"; of times "we are closed"."""


@pytest.mark.parametrize("topic", SHOWN)
def test_the_rules_see_what_a_topic_is_about(topic: str) -> None:
    sentences = corpus.sentences_of(topic)
    missed = [s for s in sentences if not SHOWN[topic].intersection(intents_of(s))]
    assert len(missed) <= (1 - SHARE.get(topic, 1.0)) * len(sentences), missed[:10]


@pytest.mark.parametrize("topic", [topic for topic in corpus.TOPICS if topic not in ("opt_out", "assistant")])
def test_only_an_opt_out_is_one(topic: str) -> None:
    """The assistant's own "I will take you off the list" is the one exception."""
    assert [s for s in corpus.sentences_of(topic) if "opt_out" in intents_of(s)] == []


def test_every_expectation_names_topics_that_exist() -> None:
    assert {topic for topics in corpus.TOPICS_OF.values() for topic in topics} <= set(corpus.TOPICS)
