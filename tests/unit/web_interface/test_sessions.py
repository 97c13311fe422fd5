"""The cookie: only ours, only for a while, and no input makes it fail."""

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.ids import new_id
from opendeep.web_interface.sessions import KEY_FILE, MAX_AGE_S, SessionCookies, load_or_make_key
from tests.support.clock import ManualClock

USER = new_id()


def test_a_cookie_names_its_user() -> None:
    cookies = SessionCookies("key", ManualClock())
    assert cookies.read(cookies.issue(USER)) == USER


def test_a_cookie_of_another_key_counts_as_none() -> None:
    clock = ManualClock()
    assert SessionCookies("one", clock).read(SessionCookies("two", clock).issue(USER)) is None


def test_a_cookie_ends() -> None:
    clock = ManualClock()
    cookies = SessionCookies("key", clock)
    value = cookies.issue(USER)
    clock.advance(MAX_AGE_S)
    assert cookies.read(value) == USER
    clock.advance(1)
    assert cookies.read(value) is None


def test_no_byte_of_a_cookie_can_be_changed() -> None:
    cookies = SessionCookies("key", ManualClock())
    value = cookies.issue(USER)
    raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        assert cookies.read(base64.urlsafe_b64encode(bytes(changed)).decode().rstrip("=")) is None


@given(st.text(max_size=300))
def test_no_text_is_a_cookie(text: str) -> None:
    assert SessionCookies("key", ManualClock()).read(text) is None


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        SessionCookies("", ManualClock())


def test_the_key_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    key = load_or_make_key(folder)
    assert len(key) >= 32
    assert load_or_make_key(folder) == key
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert os.listdir(folder) == [KEY_FILE]
