"""`RehearsalService`: a plan is rehearsed against simulated people before anybody real is called.

Owns one child process per rehearsal (`opendeep rehearse`, which takes turns on the machine) and the folder with its
progress and report, `DATA_DIR/rehearsals/{user_id}/{rehearsal_id}`. It calls nobody and judges nothing itself. The
folder is the state: it survives a restart, and any node that shares DATA_DIR can show it.
"""

import asyncio
import contextlib
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson
import structlog

from opendeep.common.campaign_plan import CampaignPlan, PlannedTask
from opendeep.common.errors import Conflict, InvalidPlan, NotFound
from opendeep.common.ids import new_id
from opendeep.database.db_manager import DatabaseManager
from opendeep.task_manager.plan_reader import read_outline

log = structlog.get_logger(__name__)

PLAN, PROGRESS, ERRORS, ENDED, REPORT = "plan.json", "progress.jsonl", "errors.txt", "ended.json", "report.html"
RECORDING: Final = re.compile(r"[A-Za-z0-9_.-]{1,120}\.wav")
MAX_PROGRESS_BYTES: Final = 1_000_000
SILENT_FOR_S: Final = 900.0  # a rehearsal that says nothing for so long, and is no child of ours, has died
END_DEADLINE_S: Final = 12.0
MAX_LISTED: Final = 50
MAX_RUNNING: Final = 20  # on this node; they run one after the other

View = dict[str, Any]


class RehearsalService:
    """`provider` is `offline` or `openai`: whose voice the rehearsed calls have, as the product's own do."""

    def __init__(self, db: DatabaseManager, data_dir: Path, provider: str) -> None:
        self._db = db
        self._folder = data_dir.absolute() / "rehearsals"
        self._provider = provider
        self._children: dict[UUID, asyncio.subprocess.Process] = {}
        self._watching: set[asyncio.Task[None]] = set()
        self._users: dict[UUID, UUID] = {}  # who has a rehearsal that has not ended, and which

    async def start(self, user_id: UUID, plan_id: UUID) -> View:
        """Begin to rehearse a plan; returns its view.

        Raises NotFound for a plan that is not this user's, InvalidPlan for one that asks nothing, Conflict while the
        user's last rehearsal is going on.
        """
        plan = await self._read(user_id, plan_id)
        if user_id in self._users:
            raise Conflict("A rehearsal is going on already. Wait until it has ended.")
        if len(self._children) >= MAX_RUNNING:
            raise Conflict("Many rehearsals are waiting already. Please try again later.")
        rehearsal_id = new_id()
        folder = self._place(user_id, rehearsal_id)
        self._users[user_id] = rehearsal_id
        try:
            folder.mkdir(parents=True)
            (folder / PLAN).write_bytes(orjson.dumps(plan.model_dump(mode="json")))
            child = await self._spawn(folder)
        except BaseException:
            del self._users[user_id]
            raise
        self._children[rehearsal_id] = child
        watching = asyncio.create_task(self._watch(user_id, rehearsal_id, child), name=f"rehearsal-{rehearsal_id}")
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)
        log.info("rehearsal.started", user_id=str(user_id), plan_id=str(plan_id), rehearsal_id=str(rehearsal_id))
        return self.view(user_id, rehearsal_id)

    def view(self, user_id: UUID, rehearsal_id: UUID) -> View:
        """How the rehearsal stands. Raises NotFound for one that is not this user's."""
        folder = self._existing(user_id, rehearsal_id)
        told = _progress(folder / PROGRESS)
        result = next((one for one in told if one["event"] == "result"), None)
        begun = next((one for one in told if one["event"] == "begins"), None)
        judged = [one for one in told if one["event"] == "judged"]
        status, error = self._status(rehearsal_id, folder, waits=begun is None, done=result is not None)
        return {
            "id": str(rehearsal_id),
            "status": status,
            "total": len(begun["cases"]) if begun else 0,
            "cases": [{name: one[name] for name in ("name", "score", "outcome", "wrong")} for one in judged],
            "score": result["score"] if result else None,
            "good": result["good"] if result else None,
            "report": f"/api/rehearsals/{rehearsal_id}/{REPORT}" if result else None,
            "error": error,
        }

    def recent(self, user_id: UUID, most: int = MAX_LISTED) -> list[View]:
        """The user's last rehearsals, the newest first, each with the `title` of its plan and when it `began`."""
        folder = self._folder / str(user_id)
        names = sorted((each.name for each in folder.iterdir()), reverse=True) if folder.is_dir() else []
        found = []
        for rehearsal_id in map(UUID, names[:most]):
            with contextlib.suppress(NotFound, OSError):  # one that is only now begun, or just thrown away
                plan = self._place(user_id, rehearsal_id) / PLAN
                title = orjson.loads(plan.read_bytes())["title"]
                began = datetime.fromtimestamp(plan.stat().st_mtime, UTC).isoformat()
                found.append({**self.view(user_id, rehearsal_id), "title": title, "began": began})
        return found

    def file(self, user_id: UUID, rehearsal_id: UUID, recording: str | None = None) -> Path:
        """The report, or one of its recordings. Raises NotFound."""
        folder = self._existing(user_id, rehearsal_id)
        if recording is not None and RECORDING.fullmatch(recording) is None:
            raise NotFound("There is no such recording.")
        path = folder / REPORT if recording is None else folder / "calls" / recording
        if not path.is_file():
            raise NotFound("There is nothing there yet. A report is written when the rehearsal has ended.")
        return path

    async def run(self) -> None:
        """The worker: lives until the process stops, and then ends the rehearsals that are going on."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End the rehearsals that are going on; one that takes too long is killed. Idempotent."""
        for end in (asyncio.subprocess.Process.terminate, asyncio.subprocess.Process.kill):
            for child in self._children.values():
                with contextlib.suppress(ProcessLookupError):
                    end(child)
            if self._watching:
                await asyncio.wait(self._watching, timeout=END_DEADLINE_S)

    async def _read(self, user_id: UUID, plan_id: UUID) -> CampaignPlan:
        """The plan with its questions and without its contacts."""
        async with self._db.read() as work:
            plan = read_outline(await work.plans.outline(user_id, plan_id))
            slices = work.plans.task_slices(user_id, plan_id, 1)
            first = [PlannedTask.model_validate_json(text) for text in await anext(slices, [])]
            await slices.aclose()  # type: ignore[attr-defined]
        questions = plan.questions or [question for task in first for question in task.questions]
        if not questions:
            raise InvalidPlan("The plan asks nothing, so a rehearsal has nothing to find out. Add a question.")
        return plan.model_copy(update={"questions": questions, "tasks": []})

    async def _spawn(self, folder: Path) -> asyncio.subprocess.Process:
        command = [sys.executable, "-m", "opendeep", "rehearse", "--plan", str(folder / PLAN), "--handful"]
        command += ["--out", str(folder), "--provider", self._provider, "--progress-json"]
        with (folder / PROGRESS).open("wb") as progress, (folder / ERRORS).open("wb") as errors:
            return await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=progress, stderr=errors
            )

    async def _watch(self, user_id: UUID, rehearsal_id: UUID, child: asyncio.subprocess.Process) -> None:
        """Write down how the child ended."""
        try:
            code = await child.wait()
            (self._place(user_id, rehearsal_id) / ENDED).write_bytes(orjson.dumps({"code": code}))
            log.info("rehearsal.ended", user_id=str(user_id), rehearsal_id=str(rehearsal_id), exit_code=code)
        finally:
            self._children.pop(rehearsal_id, None)
            self._users.pop(user_id, None)

    def _status(self, rehearsal_id: UUID, folder: Path, *, waits: bool, done: bool) -> tuple[str, str | None]:
        if done:
            return "DONE", None
        alive = rehearsal_id in self._children or time.time() - (folder / PROGRESS).stat().st_mtime < SILENT_FOR_S
        if alive and not (folder / ENDED).exists():
            return ("WAITING" if waits else "RUNNING"), None
        errors = (folder / ERRORS).read_text(encoding="utf-8", errors="replace").strip()
        return "FAILED", errors[-500:] or "The rehearsal was broken off."

    def _place(self, user_id: UUID, rehearsal_id: UUID) -> Path:
        return self._folder / str(user_id) / str(rehearsal_id)

    def _existing(self, user_id: UUID, rehearsal_id: UUID) -> Path:
        folder = self._place(user_id, rehearsal_id)
        if not (folder / PROGRESS).is_file():
            raise NotFound("There is no such rehearsal.")
        return folder


def _progress(path: Path) -> list[dict[str, Any]]:
    """The lines that the child has written as a whole."""
    with path.open("rb") as file:
        lines = file.read(MAX_PROGRESS_BYTES).split(b"\n")[:-1]
    return [found for line in lines if isinstance(found := _json(line), dict) and "event" in found]


def _json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
