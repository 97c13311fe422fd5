"""Requests and answers about contacts and what is known of them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr

from opendeep.common.campaign_plan import ZoneName
from opendeep.common.contact_values import MAX_FACT_CHARS, MAX_NOTES_CHARS
from opendeep.web_interface.api_models import Plain


def _filled(text: str) -> str:
    text = text.strip()
    if not text:
        raise ValueError("please write something")
    return text


ContactName = Annotated[StrictStr, Field(max_length=200), Plain, AfterValidator(_filled)]
Notes = Annotated[StrictStr, Field(max_length=MAX_NOTES_CHARS), Plain]
Language = Annotated[StrictStr, Field(max_length=20, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
FactText = Annotated[StrictStr, Field(max_length=MAX_FACT_CHARS), Plain, AfterValidator(_filled)]
Kind = Literal["person", "business"]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewContact(_Request):
    """`phone_number` as a person writes it; one of the installation's extensions is taken too."""

    name: ContactName
    phone_number: Annotated[StrictStr, Field(min_length=1, max_length=60), Plain]
    kind: Kind = "person"
    time_zone: ZoneName = None
    language: Language | None = None
    notes: Notes = ""


class ContactChanges(_Request):
    """The fields to set; those that are not given stay. The number is what the contact is, and stays."""

    name: ContactName = ""
    kind: Kind = "person"
    time_zone: ZoneName = None
    language: Language | None = None
    notes: Notes = ""


class FactRequest(_Request):
    text: FactText


class ContactView(BaseModel):
    """`do_not_call`: the lists (USER, CAMPAIGN, GLOBAL) that hold its number now; `facts`: how many are known."""

    id: UUID
    name: str
    kind: Kind
    phone_number: str
    time_zone: str | None
    language: str | None
    notes: str
    do_not_call: list[str]
    facts: int
    created_at: str
    updated_at: str


class ContactsView(BaseModel):
    """One page by name; `total` counts all that fit the search."""

    contacts: list[ContactView]
    total: int


class FactView(BaseModel):
    """`source` is `user` or `call`; a fact of a call cites turns of it and quotes the callee."""

    id: UUID
    key: str | None
    text: str
    source: Literal["user", "call"]
    call_id: UUID | None
    turns: list[int]
    quote: str
    created_at: str


class HourView(BaseModel):
    """Attempts that began in this hour of the day, at the contact."""

    hour: int
    attempts: int
    answered: int


class HoursView(BaseModel):
    """`best`: the hour at which the contact was reached most reliably; null while too few attempts say."""

    time_zone: str
    best: int | None
    counts: list[HourView]


class ContactCallView(BaseModel):
    id: UUID
    campaign_id: UUID
    created_at: str
    status: str
    disposition: str | None
    summary: str


class ContactDetailView(BaseModel):
    """Facts and calls newest first."""

    contact: ContactView
    facts: list[FactView]
    hours: HoursView
    calls: list[ContactCallView]


class ContactExportView(BaseModel):
    """All that is kept about a contact; `calls` with their transcripts."""

    exported_at: str
    contact: ContactView
    facts: list[FactView]
    hours: HoursView
    do_not_call: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    older_calls_left_out: bool
