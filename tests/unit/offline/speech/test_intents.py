"""What callees mean, by the words they say; sentences here are not copied from the shipped templates."""

import pytest

from opendeep.offline.speech.intents import INTENTS, IntentRulesError, _rules, intents_of, read_rules


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("stop calling this phone right now", "opt_out"),
        ("i don't want you to call me again", "opt_out"),
        ("yes hello please do not ever call here again", "opt_out"),
        ("could you take us off that list of yours", "opt_out"),
        ("hi this is laura i can't answer the phone please leave a message after the tone", "voicemail"),
        ("you have reached the mailbox of seven three", "voicemail"),
        ("may i ask what this is about", "screening"),
        ("for billing press two", "menu"),
        ("you have the wrong number", "wrong_person"),
        ("i am driving call me tomorrow", "callback"),
        ("can you call back at five", "callback"),
        ("sorry who is calling", "who_is_this"),
        ("could you say that again", "repeat"),
        ("hold on a second", "hold"),
        ("will the water be turned off", "question"),
        ("what does it cost", "question"),
        ("no that does not work", "no"),
        ("no thank you", "no"),
        ("yes that works", "yes"),
        ("tuesday is fine", "yes"),
        ("half past nine", "time"),
        ("on friday", "date"),
        ("forty two", "number"),
        ("bye bye", "goodbye"),
        ("hello", "greeting"),
    ],
)
def test_the_first_intent_is_what_must_be_acted_on(text: str, first: str) -> None:
    assert intents_of(text)[:1] == (first,)


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("no problem", "no"),
        ("absolutely not", "yes"),
        ("please don't call back later", "opt_out"),
        ("do not hang up please", "opt_out"),
        ("that's not right", "yes"),
        ("how can i help you", "question"),
        ("yes i can do that", "no"),
        ("may i have your name", "date"),
        ("good morning", "time"),
    ],
)
def test_look_alikes_are_not_taken(text: str, absent: str) -> None:
    assert absent not in intents_of(text)


def test_a_sentence_may_mean_several_things() -> None:
    assert {"yes", "date", "time"} <= set(intents_of("yes tuesday at ten works for me"))


def test_nothing_means_nothing() -> None:
    assert intents_of("") == ()


def test_the_names_and_the_rules_are_the_same() -> None:
    assert tuple(name for name, _ in _rules()) == INTENTS


@pytest.mark.parametrize("rules", ["[yes]\n(", "[yes]\n<nothing>"])
def test_a_mistake_in_the_rules_names_its_line(rules: str) -> None:
    with pytest.raises(IntentRulesError, match="line 2"):
        read_rules(rules)
