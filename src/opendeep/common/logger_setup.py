"""Structured logs: one event name and fields per line, call context bound, phone numbers masked.

Owns the structlog and standard-library logging set-up. Bind context with `structlog.contextvars.bound_contextvars(
user_id=…, campaign_id=…, task_id=…, call_id=…)`. Numbers are masked under the keys in `NUMBER_KEYS` and wherever an
E.164 number stands inside a text; transcripts are logged only under `transcript` and dropped unless DEBUG. Tracebacks
are plain and masked too: the pretty ones of `rich` print local variables, and with them keys, cookies and transcripts.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import orjson
import structlog

from opendeep.common.phone import mask

NUMBER_KEYS = frozenset({"number", "phone_number", "caller_id", "dialled", "to"})
SECRET_KEYS = frozenset({"secret", "password", "api_key", "authorization", "token", "cookie"})
_E164 = re.compile(r"\+\d{7,15}\b")

Event = MutableMapping[str, Any]


def mask_event(_: Any, __: str, event: Event) -> Event:
    """Mask numbers, remove secrets and (above DEBUG) transcripts."""
    for key, value in event.items():
        event[key] = _masked(key, value)
    if "transcript" in event and event.get("level") != "debug":
        event["transcript"] = f"<{len(str(event['transcript']))} characters>"
    return event


def _masked(key: str, value: Any) -> Any:
    """The value as it may be logged; looks into lists and dicts."""
    if key in SECRET_KEYS:
        return "***"
    if isinstance(value, str):
        return mask(value) if key in NUMBER_KEYS else _E164.sub(lambda m: mask(m.group()), value)
    if isinstance(value, Mapping):
        return {inner: _masked(str(inner), part) for inner, part in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(key, part) for part in value]
    return value


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


def setup_logging(level: str = "INFO", form: str = "console", stream: TextIO | None = None) -> None:
    """Configure structlog and route the standard library's records (uvicorn, SQLAlchemy) through it.

    `form` is "json" or "console". Logs go to `stream`, standard error without one.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        mask_event,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(serializer=_json)
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=(stream or sys.stderr).isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "httpx2", "httpcore2", "uvicorn.access", "aiosqlite", "openai", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level)))
