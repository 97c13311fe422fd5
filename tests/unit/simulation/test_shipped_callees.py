"""The callees that come with the package: complete, reachable, speakable, and each with a truth that can be judged."""

from __future__ import annotations

import re

import pytest

from opendeep.audio_processing_service.who_answered import AnsweredBy as ProductAnsweredBy
from opendeep.common.data_models import Disposition
from opendeep.simulation import Callee, Fact, shipped_callees
from opendeep.simulation.callee_checks import reachable_nodes
from opendeep.simulation.callee_schema import Outcome
from opendeep.simulation.callee_truth import Truth
from opendeep.simulation.prepared_lines import spoken_lines

CALLEES = shipped_callees()
NAMES = {callee.name for callee in CALLEES}
MUST_HAVE = {
    "books_tuesday", "voicemail", "busy_then_answers", "company_menu", "asks_back", "opts_out", "no_answer",
    "unallocated", "rejects", "interrupts", "hangs_up_early", "silent", "wrong_person", "call_me_later", "tone",
    "hold_music_then_person", "queue_with_announcements", "nested_menus", "screening_lets_through", "gives_orders",
    "angry_opt_out", "child", "speaks_slowly", "answers_two_at_once", "fax_machine", "hums_along", "echoes",
    "lossy_mobile", "noisy_street", "improvises", "voicemail_then_person", "wrong_number_business",
}  # fmt: skip
# What the synthesisers read as it is written: no digits, no signs, nothing that each voice says differently.
SPEAKABLE = re.compile(r"[a-z' ,?]+")


def truth_of(callee: Callee) -> Truth:
    assert callee.truth is not None, callee.name
    return callee.truth


def test_there_are_at_least_forty_and_every_kind_is_among_them() -> None:
    assert len(CALLEES) >= 40
    assert MUST_HAVE <= NAMES
    kinds = {kind for callee in CALLEES for node in callee.script.values() for kind in node.model_fields_set}
    assert {"talk", "menu", "hold", "voicemail", "improvise", "voice"} <= kinds
    qualities = {name for callee in CALLEES for name in callee.line.model_fields_set}
    assert {"mulaw", "gain_db", "noise", "echo", "loss", "jitter", "both_ways"} <= qualities
    assert {one.noise.kind.value for one in (callee.line for callee in CALLEES) if one.noise is not None} >= {
        "street", "babble", "hum", "white", "radio"
    }  # fmt: skip


@pytest.mark.parametrize("callee", CALLEES, ids=lambda one: one.name)
def test_a_shipped_callee_is_whole(callee: Callee) -> None:
    assert callee.numbers
    assert all(number.startswith("+120255501") for number in callee.numbers), "numbers of the fictional range only"
    assert reachable_nodes(callee) == set(callee.script)
    truth = truth_of(callee)
    answers = any(one.outcome is Outcome.ANSWER for one in callee.attempts)
    # Whoever answers as a person may be asked something; what is learned from them is said.
    if Disposition.ACHIEVED in truth.disposition and answers:
        assert truth.fields, "an achieved call has learned something"
    for say in spoken_lines(callee):
        assert SPEAKABLE.fullmatch(say.text.rstrip()), say.text


def test_no_two_callees_share_a_number() -> None:
    numbers = [number for callee in CALLEES for number in callee.numbers]
    assert len(numbers) == len(set(numbers))


def test_every_fact_is_judged_somewhere() -> None:
    used = {fact for callee in CALLEES for fact in (*truth_of(callee).must, *truth_of(callee).must_not)}
    assert used == set(Fact)


def test_who_answered_is_named_as_the_product_names_it() -> None:
    values = {truth_of(callee).answered_by for callee in CALLEES} - {None}
    assert values <= {one.value for one in ProductAnsweredBy}
    assert values >= {"human", "voicemail", "ivr", "screening", "fax", "hold", "silence"}


def test_whoever_wants_no_more_calls_must_be_listed_and_nobody_else() -> None:
    for callee in CALLEES:
        truth = truth_of(callee)
        assert (Disposition.OPTED_OUT in truth.disposition) == (Fact.OPT_OUT_LISTED in truth.must), callee.name


def test_a_mailbox_that_takes_a_message_hears_nothing_before_its_beep() -> None:
    mailboxes = [one for one in CALLEES if any(node.voicemail is not None for node in one.script.values())]
    assert len(mailboxes) >= 4
    for callee in mailboxes:
        assert Fact.SPOKE_BEFORE_BEEP in truth_of(callee).must_not, callee.name
