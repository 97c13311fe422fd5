"""The request that changes a user's profile; what it is read as is `CallerProfile`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictStr

from opendeep.common.caller_profile import MAX_FACTS, CallerProfile
from opendeep.common.campaign_plan import CallingWindow, ZoneName
from opendeep.web_interface.api_models import MAX_ANSWER_LENGTH, MAX_NAME_LENGTH, Plain

Line = Annotated[StrictStr, Field(min_length=1, max_length=MAX_ANSWER_LENGTH), Plain]
Lines = Annotated[list[Line], Field(max_length=MAX_FACTS)]


class ProfileChanges(BaseModel):
    """The fields to set; those that are not given stay."""

    model_config = ConfigDict(extra="forbid")

    full_name: Annotated[StrictStr, Field(min_length=1, max_length=MAX_NAME_LENGTH), Plain] = ""
    company: Annotated[StrictStr, Field(max_length=200), Plain] = ""
    callback_number: Annotated[StrictStr, Field(max_length=40), Plain] = ""
    address: Annotated[StrictStr, Field(max_length=300), Plain] = ""
    time_zone: ZoneName = None
    preferences: Lines = []
    may_say: Lines = []
    must_not_say: Lines = []
    recording_notice: Annotated[StrictStr, Field(max_length=MAX_ANSWER_LENGTH), Plain] = ""
    plan_disclosure: Annotated[StrictStr, Field(max_length=MAX_ANSWER_LENGTH), Plain] = ""
    plan_window: CallingWindow | None = None
    plan_max_spend: Annotated[float | None, Field(ge=0, le=1_000_000)] = None


class ProfileVersionView(BaseModel):
    """A profile as it was from `created_at` on."""

    version: int
    created_at: str
    profile: CallerProfile


class ProfileVersionsView(BaseModel):
    """Newest first; the first one is in use. None while the profile was never changed."""

    versions: list[ProfileVersionView]


class ForgottenView(BaseModel):
    """How many older versions are gone."""

    forgotten: int


class SettingView(BaseModel):
    """One setting of the installation; `value` is what may be shown of it."""

    env: str
    value: str
    secret: bool
    set: bool


class SettingGroupView(BaseModel):
    name: str
    entries: list[SettingView]


class SettingsView(BaseModel):
    """Read-only: they are changed in the environment or `.env`, and hold from the next start."""

    groups: list[SettingGroupView]
