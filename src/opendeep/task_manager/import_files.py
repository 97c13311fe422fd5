"""Uploaded tables on the disk: where they lie, whose they are, and when they go. Nothing here reads a table.

`<DATA_DIR>/imports/<user id>/<import id>.*`: `table` is the file, `name` what it was called, `errors.csv` what the last
check found. A file that is being put into a plan is `used` meanwhile, so that it is used once.
"""

import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from opendeep.common.errors import NotFound, UserMistake
from opendeep.common.ids import new_id
from opendeep.common.plain_text import plain
from opendeep.tools.contact_tables import MAX_FILE_BYTES

FOLDER: Final = "imports"
KEPT_S: Final = 24 * 3600.0
KEPT_FILES: Final = 5  # of one user; the oldest goes
MAX_NAME: Final = 120
GONE = "This file is not here any more: it was used, or is older than a day. Choose it again."


class FileTooLarge(UserMistake):
    """More than `MAX_FILE_BYTES`."""

    http_status = 413


@dataclass(frozen=True, slots=True)
class ImportFile:
    """One stored file of one user."""

    id: UUID
    folder: Path

    @property
    def table(self) -> Path:
        return self.folder / f"{self.id}.table"

    @property
    def errors(self) -> Path:
        return self.folder / f"{self.id}.errors.csv"

    @property
    def name(self) -> str:
        """What the user calls it."""
        return (self.folder / f"{self.id}.name").read_text(encoding="utf-8")

    def delete(self) -> None:
        """All that belongs to it."""
        for path in self.folder.glob(f"{self.id}.*"):
            path.unlink(missing_ok=True)


class ImportFiles:
    """All users' files below `data_dir`."""

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir / FOLDER

    async def store(self, user_id: UUID, name: str, body: AsyncIterator[bytes]) -> ImportFile:
        """Write a file as it comes. Raises `FileTooLarge`; then, and when it breaks off, nothing stays."""
        folder = self._root / str(user_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._make_room(folder)
        stored = ImportFile(new_id(), folder)
        size = 0
        try:
            with stored.table.open("wb") as file:
                async for chunk in body:
                    size += len(chunk)
                    if size > MAX_FILE_BYTES:
                        limit = MAX_FILE_BYTES >> 20
                        raise FileTooLarge(f"The file is larger than {limit} MB. Split it, and import the parts.")
                    file.write(chunk)
            called = plain(name).replace("\n", " ").strip()[-MAX_NAME:] or "contacts"
            (folder / f"{stored.id}.name").write_text(called, encoding="utf-8")
        except BaseException:
            stored.delete()
            raise
        return stored

    def get(self, user_id: UUID, import_id: UUID) -> ImportFile:
        """Raises `NotFound` for another user's file as for none."""
        found = ImportFile(import_id, self._root / str(user_id))
        if not found.table.is_file():
            raise NotFound(GONE)
        return found

    @contextlib.contextmanager
    def using(self, user_id: UUID, import_id: UUID) -> Iterator[tuple[ImportFile, Path]]:
        """The file for one use, after which it is deleted; it stays when the use fails. Raises `NotFound`."""
        found = self.get(user_id, import_id)
        used = found.table.with_suffix(".used")
        try:
            found.table.rename(used)
        except FileNotFoundError as error:
            raise NotFound(GONE) from error
        try:
            yield found, used
        except BaseException:
            used.rename(found.table)
            raise
        found.delete()

    def sweep(self) -> int:
        """Delete what is older than a day; how many files went."""
        gone, oldest = 0, time.time() - KEPT_S
        for path in self._root.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()
                    gone += 1
        return gone

    def _make_room(self, folder: Path) -> None:
        tables = sorted(folder.glob("*.table"), key=lambda path: path.name)  # ids grow with time
        for path in tables[: max(0, len(tables) - KEPT_FILES + 1)]:
            ImportFile(UUID(path.stem), folder).delete()
        if shutil.disk_usage(folder).free < 2 * MAX_FILE_BYTES:
            raise UserMistake("There is no room for files on the server right now. Please tell whoever runs it.")
