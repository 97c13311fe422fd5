"""A campaign as its report reads it: few statements, however many tasks there are. Owns what the model may read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from opendeep.campaign_summarizer_service.claims import Evidence
from opendeep.campaign_summarizer_service.report_figures import by_task
from opendeep.common.data_models import Campaign
from opendeep.common.report_values import ReportCall, ReportTask, ReportTurn, Slot, Tally
from opendeep.database.db_manager import DatabaseManager

MAX_TASK_LINES: Final = 2_000  # listed one by one in the report; the figures count all
MAX_TOLD_TASKS: Final = 200  # that the model reads
MAX_TOLD_TURNS: Final = 40  # of each call, the last ones
MAX_TURN_CHARS: Final = 300
MAX_FACT_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class Record:
    """`tasks` are the first ones, `references` those of their calls that the model reads, by their short names."""

    campaign: Campaign
    home: str  # the user's time zone
    tallies: tuple[Tally, ...]
    slots: tuple[Slot, ...]
    tasks: tuple[ReportTask, ...]
    calls: tuple[ReportCall, ...]
    turns: Mapping[UUID, tuple[ReportTurn, ...]]
    references: Mapping[str, ReportCall]

    @property
    def told_tasks(self) -> tuple[ReportTask, ...]:
        return self.tasks[:MAX_TOLD_TASKS]


async def read_record(db: DatabaseManager, campaign: Campaign, default_zone: str) -> Record:
    """Everything in one reading transaction."""
    user_id, campaign_id = campaign.user_id, campaign.id
    async with db.read() as work:
        user = await work.users.get(user_id)
        tallies = await work.reports.tallies(user_id, campaign_id)
        slots = await work.reports.slots(user_id, campaign_id=campaign_id)
        tasks = await work.reports.tasks(user_id, campaign_id, 0, MAX_TASK_LINES)
        calls = await work.reports.calls(user_id, [task.id for task in tasks])
        grouped = by_task(calls)
        told_calls = [call for task in tasks[:MAX_TOLD_TASKS] for call in grouped.get(task.id, [])]
        told_ids = [call.id for call in told_calls]
        turns = await work.reports.turns(user_id, told_ids, MAX_TOLD_TURNS, MAX_TURN_CHARS)
    by_call: dict[UUID, list[ReportTurn]] = {}
    for turn in turns:
        by_call.setdefault(turn.call_id, []).append(turn)
    return Record(
        campaign,
        str(user.profile.get("time_zone") or default_zone),
        tuple(tallies),
        tuple(slots),
        tuple(tasks),
        tuple(calls),
        {call_id: tuple(spoken) for call_id, spoken in by_call.items()},
        {f"c{number}": call for number, call in enumerate(told_calls, 1)},
    )


def evidence_of(record: Record) -> dict[str, Evidence]:
    """What each short reference of the record can prove."""
    tasks = {task.id: task for task in record.told_tasks}
    return {
        reference: Evidence(
            call.id,
            frozenset(turn.turn for turn in record.turns.get(call.id, ())),
            {turn.turn: turn.text for turn in record.turns.get(call.id, ()) if turn.text is not None},
            _facts(tasks[call.task_id]),
        )
        for reference, call in record.references.items()
    }


def _facts(task: ReportTask) -> str:
    results = [text for found in task.result.values() for text in (found.get("value"), found.get("quote")) if text]
    return " ".join([task.contact_name, task.phone_number, task.objective, *map(str, results)])


def told(record: Record, *, interim: bool) -> dict[str, Any]:
    """What the model reads."""
    names = {call.id: reference for reference, call in record.references.items()}
    grouped = by_task(record.calls)
    tasks = [
        {
            "contact": task.contact_name,
            "status": task.status,
            "disposition": task.disposition,
            "summary": (task.summary or "")[:MAX_FACT_CHARS],
            "result": {key: found.get("value") for key, found in task.result.items()},
            "calls": [_told_call(record, task, call, names[call.id]) for call in grouped.get(task.id, [])],
        }
        for task in record.told_tasks
    ]
    state = "running" if interim else "finished"
    campaign = {"title": record.campaign.title, "objective": record.campaign.objective}
    return {"state": state, **campaign, "tasks": tasks}


def _told_call(record: Record, task: ReportTask, call: ReportCall, name: str) -> dict[str, Any]:
    spoken = record.turns.get(call.id, ())
    cited = {turn for found in task.result.values() if found.get("call_id") == str(call.id) for turn in found["turns"]}
    return {
        "ref": name,
        "attempt": call.attempt,
        "disposition": call.disposition,
        "cited_turns": sorted(cited | {turn for turn in call.evidence or () if isinstance(turn, int)}),
        "turns": [{"turn": t.turn, "speaker": t.speaker, "text": t.text} for t in spoken if t.text is not None],
    }
