"""Numbers are masked and secrets removed wherever they stand in a log line."""

import json
import logging

import pytest
import structlog

from opendeep.common.logger_setup import mask_event, setup_logging


def test_numbers_and_secrets_never_pass() -> None:
    event = mask_event(
        None,
        "info",
        {
            "event": "dialling +12025550123 now",
            "phone_number": "+12025550123",
            "api_key": "sk-secret",
            "transcript": "my card is 4111",
            "level": "info",
            "count": 3,
            "arguments": {"to": "+12025550123", "token": "sk-secret", "tried": ["+12025550123"]},
        },
    )
    text = json.dumps(event)
    for secret in ("5550123", "sk-secret", "4111"):
        assert secret not in text
    assert event["count"] == 3


def test_context_is_bound_and_lines_are_json(capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        setup_logging("INFO", "json")
        with structlog.contextvars.bound_contextvars(call_id="c1", user_id="u1"):
            structlog.get_logger("x").info("call.started", number="+12025550123")
            logging.getLogger("other").warning("a library speaks to %s", "+12025550123")
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        assert [line["call_id"] for line in lines] == ["c1", "c1"]
        assert lines[0]["event"] == "call.started"
        assert "5550123" not in json.dumps(lines)
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:], logging.getLogger().level = before[0], before[1]


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_shows_no_local_variables_and_no_numbers(form: str, capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        setup_logging("INFO", form)
        try:
            api_key = "sk-very-secret"
            raise RuntimeError(f"cannot dial +12025550123 with a key of {len(api_key)} characters")
        except RuntimeError:
            structlog.get_logger("x").exception("call.failed")
            logging.getLogger("other").exception("a library failed")
        shown = capfd.readouterr().err
        assert shown.count("RuntimeError: cannot dial") == 2
        assert "sk-very-secret" not in shown
        assert "5550123" not in shown
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:], logging.getLogger().level = before[0], before[1]
