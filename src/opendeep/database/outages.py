"""What counts as an outage of the database: the one place where its faults become `DatabaseUnavailable`."""

import contextlib
from collections.abc import Iterator

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from opendeep.common.errors import DatabaseUnavailable

NEVER_TAKEN = ("22", "42")  # SQLSTATE classes: data exceptions, wrong statements


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn connection faults, locks and pool exhaustion into `DatabaseUnavailable`; leave everything else alone.

    A value or a statement that the database will never take is a bug of ours: asked again it would fail for ever.
    """
    try:
        yield
    except (DBAPIError, PoolTimeout, OSError) as error:  # OSError: no route, no such host, no socket, no answer in time
        if _never_taken(error):
            raise
        raise DatabaseUnavailable(f"The database cannot be used right now: {_first_line(error)}") from error


def _never_taken(error: BaseException) -> bool:
    if isinstance(error, IntegrityError | DataError | ProgrammingError):
        return True
    state = getattr(getattr(error, "orig", None), "sqlstate", None)  # PostgreSQL, appendix A
    return isinstance(state, str) and state.startswith(NEVER_TAKEN)


def _first_line(error: BaseException) -> str:
    origin = getattr(error, "orig", None) or error
    return (str(origin).splitlines() or [type(origin).__name__])[0]
