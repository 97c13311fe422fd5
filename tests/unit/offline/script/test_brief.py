"""The call brief: found in prose, checked field by field."""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.offline.script import BriefError, parse_brief
from tests.unit.offline.briefs import brief_fields, instructions, make_brief


def test_reads_every_field() -> None:
    brief = make_brief()
    assert brief.on_behalf_of == "Maria Keller"
    assert brief.contact_kind == "business"
    assert brief.questions[0].ask == "Does Tuesday at ten work for you?"
    assert brief.voicemail.policy == "leave_message"
    assert brief.now.utcoffset() == timedelta(hours=1)


def test_prose_without_a_block_has_no_brief() -> None:
    assert parse_brief("Be friendly. Speak about <call_brief> tags.") is None


def test_missing_optional_fields_have_defaults() -> None:
    fields = {"version": 1, "on_behalf_of": "Ann Lee", "now": "2026-11-22T18:00:00+01:00"}
    brief = parse_brief(f"<call_brief>{json.dumps(fields)}</call_brief>")
    assert brief is not None
    assert brief.script.disclosure == "This is an AI assistant calling on behalf of Ann Lee."
    assert brief.questions == ()
    assert brief.voicemail.policy == "hang_up"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"version": 2}, "version"),
        ({"on_behalf_of": 7}, "on_behalf_of"),
        ({"contact": {"kind": "robot"}}, "contact.kind"),
        ({"questions": [{"key": "a", "ask": "b", "type": "essay"}]}, "questions.type"),
        ({"questions": [{"key": "a", "ask": "b", "type": "choice", "options": []}]}, "options"),
        ({"questions": [{"key": "a", "ask": "b", "type": "text"}] * 2}, "same key"),
        ({"questions": "none"}, "questions"),
        ({"voicemail": {"policy": "sing"}}, "voicemail.policy"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"now": "yesterday"}, "now"),
        ({"objective": "x" * 2_001}, "objective"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(BriefError, match=named):
        parse_brief(instructions(**changes))


def test_a_block_that_is_no_json_is_refused() -> None:
    with pytest.raises(BriefError, match="JSON"):
        parse_brief("<call_brief>{not json}</call_brief>")


@given(st.text(max_size=200))
def test_any_block_is_a_brief_or_a_brief_error(text: str) -> None:
    with contextlib.suppress(BriefError):  # anything else is a failure
        assert parse_brief(f"<call_brief>{text}</call_brief>") is not None


@given(st.sampled_from(sorted(brief_fields())), st.one_of(st.none(), st.integers(), st.text(), st.lists(st.integers())))
def test_any_wrong_field_is_a_brief_error(name: str, value: Any) -> None:
    with contextlib.suppress(BriefError):
        assert parse_brief(instructions(**{name: value})) is not None
