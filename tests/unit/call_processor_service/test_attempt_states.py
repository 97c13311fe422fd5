"""Every recorded call of the real Asterisk ends with the same verdict, whatever the order of its events."""

import random
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.call_processor_service.ami_packets import AmiEvent, parse_packet
from opendeep.call_processor_service.attempt_events import read_event
from opendeep.call_processor_service.attempt_facts import (
    Answered,
    DialEnded,
    Dialled,
    EarlyMedia,
    Evidence,
    Fact,
    FarEndHungUp,
    GoneFromSwitch,
    HangupSent,
    HungUp,
    MediaEnded,
    MediaStarted,
    OriginateFailed,
    OriginateRefused,
    Ringing,
    SwitchStopped,
    TimedOut,
    Transferred,
    Wait,
    fold,
)
from opendeep.call_processor_service.attempt_states import (
    CAUSE_OUTCOMES,
    DIAL_OUTCOMES,
    OUTCOMES,
    REASON_OUTCOMES,
    SIP_OUTCOMES,
    Verdict,
    judge,
    reported_cause,
    reported_sip_code,
)
from opendeep.common.channels import USER_HUNG_UP
from opendeep.common.data_models import LIVE_CALL_STATUSES, CallStatus, Disposition

CAPTURES = Path(__file__).parents[2] / "captures" / "ami"
CALL_ID = UUID("0192f0c1-0000-7000-8000-000000000001")
ORDERS = 200

NO_ANSWER = (CallStatus.NO_ANSWER, Disposition.NO_ANSWER)
BUSY = (CallStatus.BUSY, Disposition.BUSY)
DECLINED = (CallStatus.REJECTED, Disposition.REJECTED)
PROVIDER = (CallStatus.FAILED, Disposition.FAILED)
NOT_FOUND = (CallStatus.UNALLOCATED, Disposition.UNREACHABLE)
CONGESTION = (CallStatus.CONGESTION, Disposition.FAILED)
COMPLETED = (CallStatus.COMPLETED, None)
CANCELLED = (CallStatus.CANCELLED, Disposition.FAILED)
UNREACHABLE = (CallStatus.FAILED, Disposition.UNREACHABLE)

# capture → verdict, Q.850 cause and SIP code for the record
EXPECTED = {
    "direct-answered-and-bye": (COMPLETED, None, None),
    "direct-audio-away": (COMPLETED, None, None),
    "direct-bad-gateway": (UNREACHABLE, 27, 502),
    "direct-both-hang-up": (COMPLETED, None, None),
    "direct-busy": (BUSY, 17, 486),
    "direct-busy-everywhere": (BUSY, 17, 600),
    "direct-callee-hangs-up": (COMPLETED, None, None),
    "direct-cancelled": (CANCELLED, 16, None),
    "direct-declined": (DECLINED, 21, 603),
    "direct-early-media": (COMPLETED, 16, None),
    "direct-early-media-busy": (BUSY, 17, 486),
    "direct-early-media-no-answer": (NO_ANSWER, 19, 480),
    "direct-forbidden": (PROVIDER, 21, 403),
    "direct-gateway-timeout": (CONGESTION, 102, 504),
    "direct-gone": (NOT_FOUND, 22, 410),
    "direct-hangs-up-in-greeting": (COMPLETED, None, None),
    "direct-incomplete": (NOT_FOUND, 28, 484),
    "direct-module-reload": (COMPLETED, 16, None),
    "direct-no-answer": (NO_ANSWER, 19, 480),
    "direct-no-endpoint": (PROVIDER, None, None),
    "direct-not-acceptable": (PROVIDER, 58, 488),
    "direct-not-found": (NOT_FOUND, 1, 404),
    "direct-nowhere": (NOT_FOUND, 1, 604),
    "direct-proxy-auth": (PROVIDER, 21, 407),
    "direct-request-timeout": (CONGESTION, 18, 408),
    "direct-sent-on": (UNREACHABLE, 23, 302),
    "direct-server-error": (CONGESTION, 38, 500),
    "direct-switch-stopped": (COMPLETED, None, None),
    "direct-terminated": (NO_ANSWER, 127, 487),
    "direct-trunk-down": (CONGESTION, 34, 503),
    "direct-trunk-silent": (CONGESTION, 19, 480),
    "direct-trunk-silent-32s": (CONGESTION, 18, 408),
    "direct-trunk-unreachable": (PROVIDER, None, None),
    "direct-trunk-unregistered": (PROVIDER, None, None),
    "direct-unauthorized": (PROVIDER, 21, 401),
    "direct-unavailable": (NO_ANSWER, 19, 480),
    "direct-we-hang-up": (COMPLETED, 16, None),
    "local-answered-and-bye": (COMPLETED, 16, None),
    "local-bad-gateway": (UNREACHABLE, 27, 502),
    "local-both-hang-up": (COMPLETED, 16, None),
    "local-busy": (BUSY, 17, 486),
    "local-busy-everywhere": (BUSY, 17, 600),
    "local-callee-hangs-up": (COMPLETED, 16, None),
    "local-cancelled": (CANCELLED, 16, None),
    "local-declined": (DECLINED, 21, 603),
    "local-early-media": (COMPLETED, 16, None),
    "local-early-media-busy": (BUSY, 17, 486),
    "local-early-media-no-answer": (NO_ANSWER, 19, 480),
    "local-forbidden": (PROVIDER, 21, 403),
    "local-gateway-timeout": (CONGESTION, 102, 504),
    "local-gone": (NOT_FOUND, 22, 410),
    "local-hangs-up-in-greeting": (COMPLETED, 16, None),
    "local-incomplete": (NOT_FOUND, 28, 484),
    "local-no-answer": (NO_ANSWER, 19, 480),
    "local-no-endpoint": (PROVIDER, 3, None),
    "local-not-acceptable": (PROVIDER, 58, 488),
    "local-not-found": (NOT_FOUND, 1, 404),
    "local-nowhere": (NOT_FOUND, 1, 604),
    "local-proxy-auth": (PROVIDER, 21, 407),
    "local-refused": (NOT_FOUND, 28, None),
    "local-request-timeout": (CONGESTION, 18, 408),
    "local-server-error": (CONGESTION, 38, 500),
    "local-terminated": (NO_ANSWER, 127, 487),
    "local-trunk-down": (CONGESTION, 34, 503),
    "local-unauthorized": (PROVIDER, 21, 401),
    "local-unavailable": (NO_ANSWER, 19, 480),
    "local-we-hang-up": (COMPLETED, 16, None),
}
# What we know ourselves, beside what the switch says.
WE_TALKED: tuple[Fact, ...] = (MediaStarted(),)
WE_ENDED: tuple[Fact, ...] = (MediaStarted(), HangupSent("completed"))
OUR_PART: dict[str, tuple[Fact, ...]] = {
    "direct-cancelled": (HangupSent("asked to"),),
    "local-cancelled": (HangupSent("asked to"),),
    "direct-we-hang-up": WE_ENDED,
    "local-we-hang-up": WE_ENDED,
    "direct-early-media": WE_ENDED,
    "local-early-media": WE_ENDED,
    "direct-both-hang-up": WE_ENDED,
    "local-both-hang-up": WE_ENDED,
    "direct-module-reload": WE_ENDED,
    "direct-callee-hangs-up": WE_TALKED,
    "local-callee-hangs-up": WE_TALKED,
    "direct-switch-stopped": WE_TALKED,
}
# A single event that nothing else repeats: without it the truth cannot be known.
ALONE: dict[str, frozenset[str]] = {
    **dict.fromkeys(["direct-cancelled", "local-cancelled"], frozenset({"HangupSent"})),
    **dict.fromkeys(["direct-early-media-no-answer", "local-early-media-no-answer"], frozenset({"EarlyMedia"})),
    "direct-audio-away": frozenset({"HungUp"}),
    "direct-trunk-silent": frozenset({"OriginateFailed"}),
    **dict.fromkeys(
        ["direct-no-endpoint", "direct-trunk-unreachable", "direct-trunk-unregistered"], frozenset({"OriginateFailed"})
    ),
}


def capture(name: str) -> list[AmiEvent]:
    raw = (CAPTURES / f"{name}.txt").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    packets = [parse_packet(part) for part in raw.split(b"\r\n\r\n") if part.strip()]
    events = [packet for packet in packets if isinstance(packet, AmiEvent)]
    assert events, name
    return events


def facts_of(name: str) -> list[Fact]:
    facts = [fact for event in capture(name) if (fact := read_event(event, str(CALL_ID))) is not None]
    return facts + list(OUR_PART.get(name, ()))


def evidence_of(facts: Iterable[Fact]) -> Evidence:
    evidence = Evidence()
    for fact in facts:
        evidence = fold(evidence, fact)
    return evidence


def closed(facts: Iterable[Fact]) -> Verdict:
    """As the handler does: once nothing more comes, the attempt is closed."""
    return judge(evidence_of([*facts, TimedOut(Wait.SETTLE)]))


def test_all_captures_have_an_expectation() -> None:
    assert {path.stem for path in CAPTURES.glob("*.txt")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_capture_gives_its_verdict_in_any_order(name: str) -> None:
    (status, disposition), cause, sip_code = EXPECTED[name]
    facts = facts_of(name)
    shuffler = random.Random(name)
    for _ in range(ORDERS):
        verdict = closed(facts)
        assert (verdict.status, verdict.disposition, verdict.final) == (status, disposition, True)
        evidence = evidence_of(facts)
        assert (reported_cause(evidence), reported_sip_code(evidence)) == (cause, sip_code)
        shuffler.shuffle(facts)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_verdict_that_is_final_before_the_last_event_does_not_change(name: str) -> None:
    expected, _, _ = EXPECTED[name]
    facts = facts_of(name)
    shuffler = random.Random(name)
    for _ in range(ORDERS):
        evidence = Evidence()
        for fact in facts:
            evidence = fold(evidence, fact)
            verdict = judge(evidence)
            if verdict.final:
                assert (verdict.status, verdict.disposition) == expected
        shuffler.shuffle(facts)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_any_single_missing_event_changes_nothing(name: str) -> None:
    """With the switch asked for its channels in the end, as the handler does when an end is missing."""
    expected, _, _ = EXPECTED[name]
    facts = facts_of(name)
    for missing in range(len(facts)):
        rest = facts[:missing] + facts[missing + 1 :]
        verdict = judge(evidence_of([*rest, GoneFromSwitch()]))
        if type(facts[missing]).__name__ in ALONE.get(name, ()):
            continue
        assert (verdict.status, verdict.disposition, verdict.final) == (*expected, True), facts[missing]


@pytest.mark.parametrize("name", ["direct-early-media", "local-early-media"])
def test_early_media_is_not_an_answer(name: str) -> None:
    evidence = Evidence()
    for event in capture(name):
        fact = read_event(event, str(CALL_ID))
        if fact == Answered():
            break
        evidence = fold(evidence, fact) if fact else evidence
    assert evidence.early_media
    assert judge(evidence).status == CallStatus.DIALING


facts = st.one_of(
    st.builds(OriginateRefused, st.sampled_from(["no", "never"])),
    st.just(Dialled()),
    st.just(EarlyMedia()),
    st.just(Ringing()),
    st.just(Answered()),
    st.builds(OriginateFailed, st.integers(0, 8)),
    st.builds(DialEnded, st.sampled_from(["BUSY", "NOANSWER", "CONGESTION", "CHANUNAVAIL", "CANCEL", "?"])),
    st.builds(
        HungUp, st.booleans(), st.sampled_from([0, 16, 127, *CAUSE_OUTCOMES]), st.sampled_from([0, *SIP_OUTCOMES])
    ),
    st.builds(FarEndHungUp, st.sampled_from([0, 16, 17]), st.sampled_from([0, 486])),
    st.just(SwitchStopped()),
    st.just(MediaStarted()),
    st.builds(MediaEnded, st.sampled_from(["", "end_call"])),
    st.builds(HangupSent, st.sampled_from(["completed", "drain"])),
    st.just(GoneFromSwitch()),
    st.builds(TimedOut, st.sampled_from(list(Wait))),
)


def test_every_word_of_the_network_has_its_place_in_the_order_of_outcomes() -> None:
    """An outcome that is missing there would be heard and never told."""
    tables = (SIP_OUTCOMES, CAUSE_OUTCOMES, DIAL_OUTCOMES, REASON_OUTCOMES)
    assert {outcome for table in tables for outcome in table.values()} <= set(OUTCOMES)
    assert len(set(OUTCOMES)) == len(OUTCOMES)


@given(st.lists(facts, max_size=12), st.randoms(use_true_random=False))
def test_order_and_repetition_never_matter(said: list[Fact], shuffler: random.Random) -> None:
    evidence = evidence_of(said)
    again = [*said, *said]
    shuffler.shuffle(again)
    assert evidence_of(again) == evidence


@given(st.lists(facts, max_size=12))
def test_every_combination_has_a_verdict_that_holds_together(said: list[Fact]) -> None:
    verdict = judge(evidence_of(said))
    assert verdict.sentence.endswith(".") or verdict.sentence.startswith("The call was not placed")
    assert verdict.ended == (verdict.status not in LIVE_CALL_STATUSES)
    assert not verdict.final or verdict.ended
    answered_end = verdict.status in (CallStatus.COMPLETED, CallStatus.LOST)
    assert verdict.ended == (verdict.disposition is not None or (verdict.ended and answered_end))


@given(st.lists(facts, max_size=12))
def test_what_is_final_stays_ended(said: list[Fact]) -> None:
    ended = False
    evidence = Evidence()
    for fact in said:
        evidence = fold(evidence, fact)
        if fact != Answered() and fact != MediaStarted():
            assert judge(evidence).ended or not ended or evidence.answered
        ended = judge(evidence).ended


@pytest.mark.parametrize(
    ("said", "expected", "words"),
    [
        ([Dialled(), OriginateFailed(5), HungUp(True, 0)], BUSY, "busy"),  # Local busy, far half not seen
        ([Dialled(), OriginateFailed(8), HungUp(True, 0)], CONGESTION, "overloaded"),
        ([OriginateRefused("Permission denied")], PROVIDER, "Permission denied"),
        ([Dialled(), HungUp(True, 17, 600)], BUSY, "busy"),
        ([Dialled(), Ringing(), HungUp(True, 19, 487)], NO_ANSWER, "Nobody"),
        ([Dialled(), HungUp(True, 20)], (CallStatus.FAILED, Disposition.UNREACHABLE), "switched off"),
        ([Dialled(), HungUp(True, 22, 410)], NOT_FOUND, "no longer in use"),
        ([Ringing(), TimedOut(Wait.RING), HangupSent("no answer"), HungUp(True, 16)], NO_ANSWER, "Nobody"),
        ([EarlyMedia(), TimedOut(Wait.RING), HangupSent("no answer"), HungUp(True, 16)], NO_ANSWER, "Nobody"),
        ([Dialled(), TimedOut(Wait.RING), HangupSent("no answer"), HungUp(True, 16)], CONGESTION, "never reacted"),
        ([Ringing(), HungUp(True, 18, 408), OriginateFailed(0)], NO_ANSWER, "Nobody"),
        ([Ringing(), SwitchStopped(), HungUp(True, 0)], PROVIDER, "Asterisk was shut down"),
        ([MediaStarted(), SwitchStopped(), HungUp(True, 0)], COMPLETED, "shut down during the call"),
        ([Answered(), HungUp(True, 0)], COMPLETED, "sound was not connected"),
        ([Dialled(), HungUp(True, 0, 302), DialEnded("CANCEL")], UNREACHABLE, "another number"),
        ([Dialled(), HungUp(True, 0, 433)], PROVIDER, "caller ID"),
        ([Dialled(), HangupSent("drain"), HungUp(True, 17, 486)], BUSY, "busy"),  # both at once: the network's word
        ([Dialled(), HangupSent("drain"), HungUp(True, 19, 487)], CANCELLED, "gave the call up"),
        ([Dialled(), HangupSent(USER_HUNG_UP), HungUp(True, 19, 487)], CANCELLED, "user hung up before"),
        ([MediaStarted(), HangupSent(USER_HUNG_UP), HungUp(True, 16)], COMPLETED, "the user hung up"),
        ([Dialled(), Ringing(), GoneFromSwitch()], (CallStatus.LOST, Disposition.FAILED), "without"),
        ([Dialled(), Answered(), GoneFromSwitch()], (CallStatus.LOST, None), "not seen"),
        ([MediaStarted(), MediaEnded("closed"), GoneFromSwitch()], COMPLETED, "ended"),
        ([MediaStarted(), MediaEnded("closed"), TimedOut(Wait.CLOSE)], COMPLETED, "ended"),
        ([Answered(), TimedOut(Wait.TALK), HangupSent("longest duration"), HungUp(True, 16)], COMPLETED, "longest"),
        ([Answered(), MediaStarted(), MediaEnded("x"), Transferred("desk"), HungUp(True, 16)], COMPLETED, "with desk"),
        ([Answered(), HangupSent("provider_failed"), HungUp(True, 16)], COMPLETED, "the voice AI failed"),
        ([Answered(), HangupSent("voice_unavailable"), HungUp(True, 16)], PROVIDER, "nothing was said"),
        ([MediaStarted(), MediaEnded("voice_unavailable"), HungUp(True, 16)], PROVIDER, "nothing was said"),
        ([Ringing(), HangupSent("voice_unavailable"), HungUp(True, 16)], CANCELLED, "voice AI could not"),
        ([Answered(), HangupSent("wrong_number"), HungUp(True, 16)], COMPLETED, "wrong number"),
        ([Answered(), FarEndHungUp(16), HungUp(True, 16)], COMPLETED, "other side hung up"),
        ([GoneFromSwitch()], PROVIDER, "could not place"),
    ],
)
def test_rows_beyond_the_captures(
    said: list[Fact], expected: tuple[CallStatus, Disposition | None], words: str
) -> None:
    verdict = closed(said)
    assert (verdict.status, verdict.disposition, verdict.final) == (*expected, True)
    assert words in verdict.sentence


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ([], CallStatus.INITIATED),
        ([Dialled()], CallStatus.DIALING),
        ([EarlyMedia()], CallStatus.DIALING),
        ([Ringing(), Dialled()], CallStatus.RINGING),
        ([Answered(), Ringing()], CallStatus.IN_PROGRESS),
        ([MediaStarted(), MediaEnded("x")], CallStatus.IN_PROGRESS),  # the switch has not told the end yet
    ],
)
def test_live_statuses(said: list[Fact], status: CallStatus) -> None:
    verdict = judge(evidence_of(said))
    assert (verdict.status, verdict.ended, verdict.disposition) == (status, False, None)
