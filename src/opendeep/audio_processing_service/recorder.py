"""Stereo recording of one call: callee left, AI right, aligned to the 20 ms tick. 8 kHz, 16 bit, WAV.

The tick hands over frames; whole seconds are written by one writer thread of the process (`RecordingDisk`), so that no
disk delays a call. The header is valid after every write: the file plays while the call runs. A full or slow disk
costs the recording, never the call: beyond `MAX_WAITING_BLOCKS` seconds the new audio is recorded as silence.
"""

import asyncio
import struct
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID

import numpy as np
import structlog

log = structlog.get_logger(__name__)

RATE_HZ: Final = 8_000
FRAME_BYTES: Final = 320  # 20 ms, one channel
BLOCK_FRAMES: Final = 50  # one second
MAX_WAITING_BLOCKS: Final = 10
MAX_EARLY_FRAMES: Final = 10  # callee frames that wait for their tick
HEADER_BYTES: Final = 44
CLOSE_DEADLINE_S: Final = 3.0
SILENCE: Final = bytes(FRAME_BYTES)


def wav_header(data_bytes: int) -> bytes:
    """The 44 bytes of a stereo 8 kHz 16 bit PCM WAV file (RIFF)."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + data_bytes, b"WAVE", b"fmt ", 16, 1, 2, RATE_HZ, RATE_HZ * 4, 4, 16, b"data", data_bytes),
    )


def interleave(left: bytes, right: bytes) -> bytes:
    """Two s16le channels of equal length as one stereo stream."""
    stereo = np.empty((len(left) // 2, 2), "<i2")
    stereo[:, 0] = np.frombuffer(left, "<i2")
    stereo[:, 1] = np.frombuffer(right, "<i2")
    return stereo.tobytes()


class RecordingDisk:
    """Where recordings go, and the one thread that writes them. `data_dir/recordings/{user_id}/{call_id}.wav`."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recordings")

    def recorder(self, user_id: UUID, call_id: UUID) -> "Recorder":
        return Recorder(self._data_dir, f"recordings/{user_id}/{call_id}.wav", self._thread)

    def close(self) -> None:
        """Let the thread end after what it has to write."""
        self._thread.shutdown(wait=False)


class Recorder:
    """One call's file. `relative_path` is below DATA_DIR; `path` is None once the disk has failed."""

    def __init__(self, data_dir: Path, relative_path: str, thread: ThreadPoolExecutor) -> None:
        self._file_path = data_dir / relative_path
        self._relative_path = relative_path
        self._thread = thread
        self._early: deque[bytes] = deque(maxlen=MAX_EARLY_FRAMES)
        self._left: list[bytes] = []
        self._right: list[bytes] = []
        self._writing: set[asyncio.Future[None]] = set()
        self._file: BinaryIO | None = None  # touched by the writer thread only
        self._data_bytes = 0  # same
        self._failed = False
        self.dropped_blocks = 0

    @property
    def path(self) -> str | None:
        """Where the recording is, relative to DATA_DIR; None when there is none."""
        return None if self._failed or not self._data_bytes else self._relative_path

    def hear(self, pcm: bytes) -> None:
        """A frame of the callee (s16le, 8 kHz)."""
        self._early.append(pcm)

    def tick(self, spoken: bytes | None) -> None:
        """One tick: what the callee was heard to say by now, and the frame of the AI (None: silence)."""
        heard = self._early.popleft() if self._early else SILENCE
        self._left.append(heard if len(heard) == FRAME_BYTES else heard[:FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))
        self._right.append(spoken or SILENCE)
        if len(self._left) >= BLOCK_FRAMES:
            self._hand_over()

    async def close(self) -> None:
        """Write what is left and close the file; bounded."""
        self._hand_over()
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._close_file)
        _, late = await asyncio.wait({*self._writing, closing}, timeout=CLOSE_DEADLINE_S)
        if late:
            log.warning("recording.not_closed_in_time", waiting=len(late))

    async def discard(self) -> None:
        """Nobody may keep it: what was written is deleted. Nothing may be handed over any more; bounded."""
        self._failed = True
        self._left.clear()
        self._right.clear()
        deleting = asyncio.get_running_loop().run_in_executor(self._thread, self._delete_file)
        _, late = await asyncio.wait({*self._writing, deleting}, timeout=CLOSE_DEADLINE_S)
        if late:
            log.warning("recording.deleted_late", waiting=len(late))

    def _hand_over(self) -> None:
        if not self._left:
            return
        left, right = b"".join(self._left), b"".join(self._right)
        self._left.clear()
        self._right.clear()
        if self._failed:
            return
        if len(self._writing) >= MAX_WAITING_BLOCKS:
            self.dropped_blocks += 1  # keeps its time as silence
            left = right = bytes(len(left))
        if len(self._writing) >= 2 * MAX_WAITING_BLOCKS:
            self._failed = True
            log.error("recording.abandoned", reason="the disk is too slow")
            return
        writing = asyncio.get_running_loop().run_in_executor(self._thread, self._write_block, left, right)
        self._writing.add(writing)
        writing.add_done_callback(self._written)

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing.discard(writing)
        error = None if writing.cancelled() else writing.exception()
        if error is not None and not self._failed:
            self._failed = True
            log.error("recording.failed", error=str(error))

    # -- in the writer thread

    def _write_block(self, left: bytes, right: bytes) -> None:
        if self._file is None:
            self._file_path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._file_path.open("wb")
            self._file.write(wav_header(0))
        stereo = interleave(left, right)
        self._file.seek(HEADER_BYTES + self._data_bytes)
        self._file.write(stereo)
        self._data_bytes += len(stereo)
        self._file.seek(0)
        self._file.write(wav_header(self._data_bytes))
        self._file.flush()

    def _delete_file(self) -> None:
        self._close_file()
        try:
            self._file_path.unlink(missing_ok=True)
        except OSError as error:
            log.error("recording.not_deleted", path=self._relative_path, error=str(error))

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
