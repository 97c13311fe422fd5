"""Errors as answers: `{"error": {"code", "message"}}`, the status from the error's class, words that say what to do."""

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from opendeep.common.errors import DatabaseUnavailable, NotSignedIn, OpenDeepError, UserMistake
from opendeep.web_interface.http_boundary import error_body
from opendeep.web_interface.sessions import clear_cookie

log = structlog.get_logger(__name__)

SERVER_ERROR = 500
MAX_NAMED_MISTAKES = 5
MAX_PLACE_LENGTH = 80  # of the name of a wrong field: it may be one that the caller made up
OUR_FAULT = "Something went wrong on our side. It is in the log; please try again."
DATABASE_AWAY = "The database cannot be used right now. Nothing is lost; please try again in a moment."
NOT_JSON = ("MalformedJson", "The request is not valid JSON.")
_WORDS_OF_STATUS = {
    400: NOT_JSON,  # FastAPI's answer to bytes that it cannot even begin to read
    404: ("NotFound", "There is no such page."),
    405: ("MethodNotAllowed", "This address does not take this kind of request."),
}


def _answer(status: int, code: str, message: str) -> Response:
    return Response(error_body(code, message), status, media_type="application/json")


async def on_our_error(request: Request, error: OpenDeepError) -> Response:
    """Our own errors carry their status and words; those that are no user's mistake are logged."""
    if not isinstance(error, UserMistake):
        log.warning("request.refused", path=request.url.path, code=error.code, error=str(error))
    response = _answer(error.http_status, error.code, words_of(error) or error.code)
    if isinstance(error, NotSignedIn):
        clear_cookie(response)
    return response


def words_of(error: OpenDeepError) -> str:
    """What the page may read: addresses and drivers' messages stay in the log."""
    if isinstance(error, DatabaseUnavailable):
        return DATABASE_AWAY
    return OUR_FAULT if error.http_status == SERVER_ERROR else str(error)


async def on_invalid_request(_: Request, error: RequestValidationError) -> Response:
    """400 for what is no JSON, 422 for JSON that does not fit; never echoes what was sent."""
    mistakes = error.errors()
    if any(mistake["type"] == "json_invalid" for mistake in mistakes):
        return _answer(400, *NOT_JSON)
    return _answer(422, "InvalidRequest", _sentence(mistakes))


def _sentence(mistakes: Sequence[Any]) -> str:
    parts = []
    for mistake in mistakes[:MAX_NAMED_MISTAKES]:
        where = ".".join(str(part) for part in mistake["loc"] if part not in ("body", "path", "query"))
        where = where[:MAX_PLACE_LENGTH]
        if mistake["type"] == "string_too_long":
            what = f"please write at most {mistake['ctx']['max_length']:,} characters"
        else:
            what = str(mistake["msg"]).removeprefix("Value error, ")
        parts.append(f"{where or 'request'}: {what}.")
    return " ".join(parts)


async def on_http_error(_: Request, error: HTTPException) -> Response:
    code, message = _WORDS_OF_STATUS.get(error.status_code, ("HttpError", str(error.detail)))
    return _answer(error.status_code, code, message)


def install(app: FastAPI) -> None:
    """Attach the handlers."""
    app.add_exception_handler(OpenDeepError, on_our_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, on_invalid_request)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, on_http_error)  # type: ignore[arg-type]
