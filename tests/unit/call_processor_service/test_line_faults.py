"""What ended calls say about their trunk."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from opendeep.call_processor_service.line_faults import LineWord, judge_line
from opendeep.common.data_models import Call, CallStatus
from opendeep.common.ids import new_id

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def call(status: CallStatus, sip_code: int | None = None, cause: int | None = None, **changes: object) -> Call:
    made = Call(
        id=new_id(), user_id=new_id(), campaign_id=new_id(), task_id=new_id(), attempt_number=1, status=status,
        phone_number="+12025550123", caller_id=None, node_id="n", disposition=None, end_reason=None, hangup_cause=cause,
        sip_code=sip_code, analysis=None, usage={}, recording_path=None, created_at=NOW, ringing_at=None,
        answered_at=None, ended_at=NOW, trunk="carrier",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


S, W = CallStatus, LineWord


@pytest.mark.parametrize(
    ("ended", "word"),
    [
        (call(S.COMPLETED, answered_at=NOW), W.WELL),
        (call(S.BUSY, 486, 17), W.WELL),
        (call(S.REJECTED, 603, 21), W.WELL),
        (call(S.UNALLOCATED, 404, 1), W.WELL),
        (call(S.NO_ANSWER, 480, 19, ringing_at=NOW), W.WELL),
        (call(S.NO_ANSWER, 480, 19), W.WELL),  # the far side answered, even if it never rang
        (call(S.FAILED, 488, 58), W.WELL),  # a matter of codecs between us and this callee
        (call(S.CONGESTION, 503, 34), W.FAULT),
        (call(S.CONGESTION, 500), W.FAULT),
        (call(S.CONGESTION, 599), W.FAULT),
        (call(S.FAILED, 401), W.FAULT),
        (call(S.FAILED, 403, 21), W.FAULT),
        (call(S.FAILED, 407), W.FAULT),
        (call(S.NO_ANSWER, 408, 18), W.FAULT),  # the carrier itself was silent
        (call(S.FAILED, None, 3), W.FAULT),
        (call(S.CONGESTION, None, None), W.FAULT),
        (call(S.CONGESTION, 480, 19), W.FAULT),  # Asterisk's own 480: nothing came back from the trunk
        (call(S.FAILED), W.FAULT),  # Asterisk has no such endpoint: neither cause nor code
        (call(S.CONGESTION, 503, 34, ringing_at=NOW), W.WELL),  # it rang before
        (call(S.NO_ANSWER, None, 18), W.NOTHING),
        (call(S.CANCELLED), W.NOTHING),
        (call(S.LOST), W.NOTHING),
        (call(S.DIALING), W.NOTHING),
        (call(S.CONGESTION, 503, 34, trunk=None), W.NOTHING),  # our own extension
    ],
    ids=lambda value: (
        f"{value.status}-{value.sip_code}-{value.hangup_cause}" if isinstance(value, Call) else value.name
    ),
)
def test_what_an_end_says(ended: Call, word: LineWord) -> None:
    verdict = judge_line(ended)
    assert verdict.word is word
    assert bool(verdict.sentence) is (word is W.FAULT)
