"""Calls per second as a token bucket. Pure: time is an argument, the state is a row's.

In any interval of t seconds at most `rate * t + burst` tokens are taken, by whichever nodes share the row: each take
happens under its lock. A clock that stands still or goes back refills nothing, up to `MAX_AHEAD_S`: a row that is
further ahead was written by a clock that has been put right since, and must not hold the line up until then.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from opendeep.common.trunk_values import Bucket

ENOUGH = 1 - 1e-9  # a token that floating point has just missed
MAX_AHEAD_S = 60.0  # clocks of nodes differ by less


@dataclass(frozen=True, slots=True)
class Pace:
    """`rate` in tokens per second, more than 0; `burst`: the most that can be saved up, at least 1."""

    rate: float
    burst: int

    def tokens(self, bucket: Bucket, now: datetime) -> float:
        """Tokens that are there now, 0 to `burst`."""
        bucket = _believed(bucket, now)
        if bucket.tokens is None or bucket.at is None:
            return float(self.burst)
        elapsed_s = max(0.0, (now - bucket.at).total_seconds())
        return min(float(self.burst), max(0.0, bucket.tokens) + elapsed_s * self.rate)

    def take(self, bucket: Bucket, now: datetime) -> Bucket | None:
        """The bucket without one token; None when there is no whole one."""
        bucket = _believed(bucket, now)
        tokens = self.tokens(bucket, now)
        if tokens < ENOUGH:
            return None
        at = now if bucket.at is None else max(now, bucket.at)
        return Bucket(max(0.0, tokens - 1), at)

    def wait_s(self, bucket: Bucket, now: datetime) -> float:
        """Seconds until the next whole token, 0 when one is there."""
        missing = ENOUGH - self.tokens(bucket, now)
        if missing <= 0:
            return 0.0
        behind_s = max(0.0, (bucket.at - now).total_seconds()) if bucket.at is not None else 0.0
        return behind_s + missing / self.rate

    def within(self, bucket: Bucket, now: datetime, seconds: float) -> int:
        """How many tokens can be taken from now until `seconds` later."""
        ahead = self.tokens(bucket, now) + self.rate * seconds if seconds > 0 else self.tokens(bucket, now)
        return int(ahead + (1 - ENOUGH))

    def due_at(self, bucket: Bucket, now: datetime) -> datetime:
        """When the next token is whole."""
        return now + timedelta(seconds=self.wait_s(bucket, now))


def _believed(bucket: Bucket, now: datetime) -> Bucket:
    """A full one in place of what was written in a future that no clock of a node can have."""
    if bucket.at is not None and bucket.at - now > timedelta(seconds=MAX_AHEAD_S):
        return Bucket()
    return bucket
