"""What a user's profile tells about calls: the name, how to be represented, standing facts, a recording notice.

Stored as JSON in `users.profile`, beside keys of others. Written through `ProfileChanges`, which checks; read
leniently, because no call may fail for a row of an older version.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from opendeep.common.campaign_plan import CallingWindow, Long, Short, ZoneName

MAX_FACTS = 40
Facts = Annotated[list[Long], Field(max_length=MAX_FACTS)]


class CallerProfile(BaseModel):
    """`preferences`: how to be represented, for the AI only; `may_say`: facts for every call, when it is asked;
    `must_not_say`: kept private on every call, whatever else says it; `address`: told only where a task is about a
    place; `recording_notice`: said after the disclosure where the plan has none; empty: nothing is said.
    `plan_…`: what plans have that say nothing of their own, see `plan_defaults.py`."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    full_name: Short = ""
    company: Short = ""
    callback_number: Short = ""
    address: Annotated[str, Field(max_length=300)] = ""
    time_zone: ZoneName = None
    preferences: Facts = []
    may_say: Facts = []
    must_not_say: Facts = []
    recording_notice: Long = ""
    plan_disclosure: Long = ""
    plan_window: CallingWindow | None = None
    plan_max_spend: Annotated[float | None, Field(ge=0)] = None

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """The profile without the fields that are not as they should be."""
        try:
            return cls.model_validate(stored)
        except ValidationError as error:
            wrong = {problem["loc"][0] for problem in error.errors()}
            return cls.model_validate({key: value for key, value in stored.items() if key not in wrong})
