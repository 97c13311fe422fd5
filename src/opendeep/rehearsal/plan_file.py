"""A user's plan for a rehearsal: a YAML or JSON file with the plan as the page shows it, read with places of mistakes.

Its contacts are not called: each callee takes the place of one. Owns reading and checking only.
"""

from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from opendeep.common.campaign_plan import CampaignPlan, PlannedTask
from opendeep.common.errors import ConfigurationError
from opendeep.simulation.callee_mistakes import FieldPath, Mistake, mistake_at

MAX_FILE_BYTES: Final = 4_000_000
FIELDS: Final = frozenset(CampaignPlan.model_fields)
TASK_FIELDS: Final = frozenset(PlannedTask.model_fields)


class PlanFileError(ConfigurationError):
    """The plan cannot be used; the message has a line for each mistake: file, line, field, what to do."""


def read_plan(path: Path) -> CampaignPlan:
    """Read a plan. Raises PlanFileError, also when there is no such file."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _error(Mistake(path.name, 1, "", f"is larger than {MAX_FILE_BYTES:,} bytes; leave contacts out"))
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _error(Mistake(str(path), 1, "", f"cannot be read: {why}")) from error
    return parse_plan(text, path.name)


def parse_plan(text: str, file: str) -> CampaignPlan:
    """Parse a plan; JSON is YAML too. `file` is the name that mistakes carry. Raises PlanFileError."""
    root, data = _yaml(text, file)
    unknown = list(_unknown_fields(data))
    if unknown:
        raise _error(*(mistake_at(root, file, where, words) for where, words in unknown))
    try:
        plan = CampaignPlan.model_validate(data)
    except ValidationError as error:
        found = ((one["loc"], str(one["msg"]).removeprefix("Value error, ")) for one in error.errors())
        raise _error(*(mistake_at(root, file, where, words) for where, words in found)) from error
    missing = [
        (("objective",), "say what the calls should achieve", plan.objective),
        (("on_behalf_of",), "say on whose behalf is called", plan.on_behalf_of),
        (("questions",), "give at least one question; without any there is nothing to find out", _questions(plan)),
    ]
    mistakes = [mistake_at(root, file, where, words) for where, words, there in missing if not there]
    if mistakes:
        raise _error(*mistakes)
    return plan


def _questions(plan: CampaignPlan) -> bool:
    return bool(plan.questions) or any(task.questions for task in plan.tasks)


def _yaml(text: str, file: str) -> tuple[yaml.Node, dict[str, Any]]:
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise _error(Mistake(file, 1, "", "aliases (*name) are not supported; write the part out"))
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise _error(Mistake(file, line, "", f"is neither YAML nor JSON: {error.problem}")) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _error(Mistake(file, 1, "", f"is neither YAML nor JSON: {error}")) from error
    if root is None or not isinstance(data, dict):
        raise _error(Mistake(file, 1, "", "write a plan: objective, on_behalf_of, opening, questions"))
    return root, data


def _unknown_fields(data: dict[str, Any]) -> list[tuple[FieldPath, str]]:
    found: list[tuple[FieldPath, str]] = [
        ((str(name),), f"there is no such field; there are: {', '.join(sorted(FIELDS))}")
        for name in data
        if name not in FIELDS
    ]
    tasks = data.get("tasks")
    for index, task in enumerate(tasks if isinstance(tasks, list) else []):
        for name in task if isinstance(task, dict) else ():
            if name not in TASK_FIELDS:
                words = f"there is no such field; there are: {', '.join(sorted(TASK_FIELDS))}"
                found.append((("tasks", index, str(name)), words))
    return found


def _error(*mistakes: Mistake) -> PlanFileError:
    return PlanFileError("\n".join(str(mistake) for mistake in mistakes))
