"""The request that changes a user's profile; what it is read as is `CallerProfile`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from opendeep.common.caller_profile import MAX_FACTS
from opendeep.common.campaign_plan import ZoneName
from opendeep.web_interface.api_models import MAX_ANSWER_LENGTH, MAX_NAME_LENGTH, Plain

Line = Annotated[StrictStr, Field(min_length=1, max_length=MAX_ANSWER_LENGTH), Plain]
Lines = Annotated[list[Line], Field(max_length=MAX_FACTS)]


class ProfileChanges(BaseModel):
    """The fields to set; those that are not given stay."""

    model_config = ConfigDict(extra="forbid")

    full_name: Annotated[StrictStr, Field(min_length=1, max_length=MAX_NAME_LENGTH), Plain] = ""
    time_zone: ZoneName = None
    preferences: Lines = []
    may_say: Lines = []
    recording_notice: Annotated[StrictStr, Field(max_length=MAX_ANSWER_LENGTH), Plain] = ""
