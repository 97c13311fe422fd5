"""The error tree. One base; HTTP status and `retryable` sit on the class; the message tells the user what to do next.

`UserMistake` is our caller's misuse, `PeerFault` is a misbehaving provider, switch or server.
"""


class OpenDeepError(Exception):
    """Base of every error that OpenDeep raises on purpose."""

    http_status = 500
    retryable = False

    @property
    def code(self) -> str:
        """Stable machine-readable name, e.g. `NotFound`."""
        return type(self).__name__


class ConfigurationError(OpenDeepError):
    """A setting is wrong; the message has one line per mistake."""


class UserMistake(OpenDeepError):
    """The request cannot be carried out as it is; the message says what to change."""

    http_status = 400


class InvalidPhoneNumber(UserMistake):
    http_status = 422


class InvalidPlan(UserMistake):
    http_status = 422


class NotFound(UserMistake):
    """No such row for this tenant (rows of other tenants are indistinguishable from absent ones)."""

    http_status = 404


class Conflict(UserMistake):
    """The row has moved on: answered already, ended already, changed by somebody else."""

    http_status = 409


class TooManyRequests(UserMistake):
    """Too much at once from one user; nothing was done."""

    http_status = 429


class NotSignedIn(UserMistake):
    http_status = 401


class InvalidTransition(OpenDeepError):
    """A status change that the transition table does not allow: a bug, never ignored."""

    http_status = 409


class PartMissing(OpenDeepError):
    """An optional part is not installed on this machine; the message says which and how to get it."""

    http_status = 501


class PeerFault(OpenDeepError):
    """Something on the other side of a wire failed or broke its protocol."""

    http_status = 502
    retryable = True


class DatabaseUnavailable(PeerFault):
    http_status = 503


class ProviderFault(PeerFault):
    """An AI, search or lookup provider failed."""


class ProviderRefused(ProviderFault):
    """The provider will not do it, now or later (bad key, no quota, refusal)."""

    retryable = False


class CallUnreachable(PeerFault):
    """The node that holds a live call did not answer in time."""

    http_status = 503


class TelephonyFault(PeerFault):
    """Asterisk is unreachable, refused an action, or did not answer in time."""


class TelephonyMisuse(OpenDeepError):
    """We were about to send something that must never reach the switch (CR, LF, dialplan metacharacters)."""

    http_status = 422
