"""The session cookie: which tenant this browser is, signed so that nobody can write one. No secrets in it, no rows.

Format: `user id . issue time . HMAC-SHA256 of both`, base64url. A cookie that does not verify counts as none.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import struct
from pathlib import Path
from uuid import UUID

from starlette.responses import Response

from opendeep.common.clock import Clock

COOKIE_NAME = "opendeep_session"
MAX_AGE_S = 30 * 24 * 3600
KEY_FILE = "session.key"
KEY_BYTES = 32
MAX_COOKIE_LENGTH = 200
_BODY = struct.Struct(">16sQ")  # user id, issue time in seconds of the Unix epoch
_TAG_BYTES = hashlib.sha256().digest_size


def load_or_make_key(data_dir: Path) -> str:
    """The key kept in `DATA_DIR`, made on first use and readable by the owner only. Raises `OSError`."""
    path = data_dir / KEY_FILE
    data_dir.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{KEY_FILE}.{os.getpid()}")
    made.unlink(missing_ok=True)
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(KEY_BYTES))
    try:
        os.link(made, path)  # atomic: of two processes that start together, one wins and both read the same key
    except FileExistsError:
        pass
    finally:
        made.unlink()
    return path.read_text().strip()


class SessionCookies:
    """Writes and reads the cookie. `key` is the server's secret."""

    def __init__(self, key: str, clock: Clock) -> None:
        if not key:
            raise ValueError("the session key must not be empty")
        self._key = hashlib.sha256(b"opendeep session\0" + key.encode()).digest()
        self._clock = clock

    def issue(self, user_id: UUID) -> str:
        """The cookie's value for this tenant, valid for `MAX_AGE_S`."""
        body = _BODY.pack(user_id.bytes, int(self._clock.now().timestamp()))
        return base64.urlsafe_b64encode(body + self._tag(body)).decode().rstrip("=")

    def read(self, value: str | None) -> UUID | None:
        """The tenant, or None for a missing, foreign, damaged or expired cookie."""
        if not value or len(value) > MAX_COOKIE_LENGTH:
            return None
        try:
            raw = base64.b64decode(value.encode("ascii") + b"=" * (-len(value) % 4), b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            return None
        body, tag = raw[: _BODY.size], raw[_BODY.size :]
        if len(tag) != _TAG_BYTES or not hmac.compare_digest(tag, self._tag(body)):
            return None
        user, issued = _BODY.unpack(body)
        age = self._clock.now().timestamp() - issued
        return UUID(bytes=user) if age <= MAX_AGE_S else None

    def _tag(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")


def set_cookie(response: Response, value: str, *, secure: bool) -> None:
    """Invisible to scripts, never sent along by other sites."""
    response.set_cookie(
        COOKIE_NAME, value, max_age=MAX_AGE_S, path="/", httponly=True, samesite="strict", secure=secure
    )


def clear_cookie(response: Response) -> None:
    response.delete_cookie(COOKIE_NAME, path="/", httponly=True, samesite="strict")
