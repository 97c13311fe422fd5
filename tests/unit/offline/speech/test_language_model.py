"""The trigram model: probabilities that sum to one, and a file that says the same as the object."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.offline.speech.language_model import BEGIN, END, NgramCounts, WittenBell

WORDS = st.sampled_from(["yes", "no", "tuesday", "at", "ten"])
SENTENCES = st.lists(st.lists(WORDS, min_size=1, max_size=6).map(" ".join), min_size=1, max_size=12)


def model_of(sentences: list[str]) -> WittenBell:
    counts = NgramCounts()
    counts.add(sentences)
    return WittenBell(counts)


@given(SENTENCES, st.lists(WORDS, max_size=2))
def test_the_followers_of_any_history_sum_to_one(sentences: list[str], history: list[str]) -> None:
    model = model_of(sentences)
    total = sum(model.probability((*history, word)) for word in model.vocabulary)
    assert total == pytest.approx(1.0, abs=1e-9)


@given(SENTENCES)
def test_the_file_gives_every_gram_the_probability_of_the_object(sentences: list[str]) -> None:
    """Read back by its own rules: P(w|h) listed, or back-off weight times the shorter history."""
    model = model_of(sentences)
    listed, weights = read_arpa(model.arpa())
    for first in model.vocabulary:
        for last in model.vocabulary:
            if first == END:
                continue
            gram = (first, last)
            log_p = listed.get(gram, weights.get(gram[:1], 0.0) + listed[gram[1:]])
            assert log_p == pytest.approx(math.log10(model.probability(gram)), abs=2e-3)


def read_arpa(text: str) -> tuple[dict[tuple[str, ...], float], dict[tuple[str, ...], float]]:
    listed: dict[tuple[str, ...], float] = {}
    weights: dict[tuple[str, ...], float] = {}
    order = 0
    for line in text.splitlines():
        if line.endswith("-grams:"):
            order = int(line[1])
        elif order and line and not line.startswith("\\"):
            fields = line.split()
            gram = tuple(fields[1 : order + 1])
            listed[gram] = float(fields[0])
            if len(fields) > order + 1:
                weights[gram] = float(fields[-1])
    return listed, weights


def test_the_head_counts_what_the_sections_hold() -> None:
    text = model_of(["yes that works", "no another time"]).arpa()
    head = dict(line.removeprefix("ngram ").split("=") for line in text.splitlines() if line.startswith("ngram "))
    listed, _ = read_arpa(text)
    assert {order: sum(len(gram) == int(order) for gram in listed) for order in head} == {
        order: int(count) for order, count in head.items()
    }


def test_a_seen_sentence_is_likelier_than_a_shuffled_one() -> None:
    model = model_of(["yes tuesday at ten works", "no tuesday at nine is bad"])

    def score(sentence: str) -> float:
        words = (BEGIN, *sentence.split(), END)
        return sum(math.log(model.probability(words[max(0, i - 2) : i + 1])) for i in range(1, len(words)))

    assert score("yes tuesday at nine works") > score("at works nine tuesday yes")


def test_weight_makes_a_word_likelier() -> None:
    plain, weighted = NgramCounts(), NgramCounts()
    for counts, weight in ((plain, 1), (weighted, 9)):
        counts.add(["yes", "no"])
        counts.add(["salmon"], weight)
    assert WittenBell(weighted).probability((BEGIN, "salmon")) > WittenBell(plain).probability((BEGIN, "salmon"))


def test_added_counts_are_the_same_as_added_sentences() -> None:
    base, both = NgramCounts(), NgramCounts()
    base.add(["tuesday at ten"])
    both.add(["yes"])
    both.add_counts(base, 3)
    again = NgramCounts()
    again.add(["yes"])
    again.add(["tuesday at ten"], 3)
    assert both.grams == again.grams


def test_nothing_counted_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one sentence"):
        WittenBell(NgramCounts())
