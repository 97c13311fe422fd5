"""`CallSoundService`: what a recording looks like, for the page of a call. Computed off the loop, once per call."""

import asyncio
import os
import wave
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np
import orjson
import structlog

from opendeep.common.errors import NotFound
from opendeep.database.db_manager import DatabaseManager
from opendeep.task_manager.campaign_query_svc import CampaignQueryService

log = structlog.get_logger(__name__)

BUCKETS: Final = 1_000  # as wide as a page draws
DIGITS: Final = 3
FULL_SCALE: Final = 32_768.0
SUFFIX: Final = ".peaks.json"


class CallSoundService:
    """One for all tenants."""

    def __init__(self, db: DatabaseManager, campaigns: CampaignQueryService) -> None:
        self._db = db
        self._campaigns = campaigns

    async def peaks(self, user_id: UUID, call_id: UUID) -> dict[str, Any]:
        """The loudest sample of each of at most `BUCKETS` equal parts, 0 to 1, `callee` and `ai`; `seconds` of sound.

        Raises `NotFound` for another tenant's call and for one without a recording.
        """
        path = await self._campaigns.recording_path(user_id, call_id)
        async with self._db.read() as work:
            ended = (await work.calls.get_call_by_id(call_id, user_id)).ended_at is not None
        return await asyncio.to_thread(_kept_peaks, path, keep=ended)


def _kept_peaks(path: Path, *, keep: bool) -> dict[str, Any]:
    """From beside the recording, where they are newer than it; `keep` puts them there."""
    kept = path.with_name(path.name + SUFFIX)
    if kept.is_file() and kept.stat().st_mtime_ns >= path.stat().st_mtime_ns:
        found: dict[str, Any] = orjson.loads(kept.read_bytes())
        return found
    peaks = read_peaks(path)
    if keep:
        part = kept.with_name(f"{kept.name}.{os.getpid()}")
        try:
            part.write_bytes(orjson.dumps(peaks))
            part.replace(kept)
        except OSError as error:  # it is computed again next time
            log.warning("call_sound.not_kept", error=str(error))
    return peaks


def read_peaks(path: Path) -> dict[str, Any]:
    """The peaks of a stereo WAV of 16 bit (left: callee, right: AI), piece by piece. Raises `NotFound` for another."""
    try:
        with wave.open(str(path)) as recording:
            if (recording.getnchannels(), recording.getsampwidth()) != (2, 2):
                raise NotFound("The recording of this call cannot be drawn.")
            frames, rate = recording.getnframes(), recording.getframerate()
            step = max(1, -(-frames // BUCKETS))
            pieces = [_peak(recording.readframes(step)) for _ in range(-(-frames // step) if frames else 0)]
    except (wave.Error, EOFError) as error:
        raise NotFound("The recording of this call cannot be drawn.") from error
    return {
        "seconds": round(frames / rate, DIGITS),
        "callee": [left for left, _ in pieces],
        "ai": [right for _, right in pieces],
    }


def _peak(piece: bytes) -> tuple[float, float]:
    samples = np.abs(np.frombuffer(piece[: len(piece) // 4 * 4], "<i2").reshape(-1, 2).astype(np.int32))
    if not len(samples):
        return 0.0, 0.0
    left, right = samples.max(axis=0) / FULL_SCALE
    return round(float(left), DIGITS), round(float(right), DIGITS)
