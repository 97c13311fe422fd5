"""The prose of a report (`campaign_report`), as a model must answer it: claims, each with its sources. Values only."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_NAME: Final = "campaign_report"


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)


class Source(_Document):
    """`call` is a short reference (c1, c2, …) of the record; `turns` are turns of that call."""

    call: Annotated[str, Field(max_length=100)]
    turns: Annotated[list[int], Field(max_length=100)] = []


class Claim(_Document):
    text: Annotated[str, Field(max_length=2_000)]
    sources: Annotated[list[Source], Field(max_length=100)]


class CampaignReport(_Document):
    headline: Claim
    paragraphs: Annotated[list[Claim], Field(max_length=20)]
