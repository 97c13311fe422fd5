"""What `/api/imports` takes and answers."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from opendeep.tools.contact_columns import Meaning
from opendeep.tools.contact_tables import MAX_COLUMNS


class ColumnView(BaseModel):
    """`meaning` is a guess."""

    heading: str
    meaning: Meaning


class PreviewRow(BaseModel):
    line: int
    cells: list[str]


class ImportView(BaseModel):
    """A stored file. `kind`: `xlsx`, or `csv` with delimiter and encoding; `rows` are the first ones."""

    id: UUID
    name: str
    kind: str
    has_headings: bool
    columns: list[ColumnView]
    rows: list[PreviewRow]


class ImportMapping(BaseModel):
    """What each column is, in their order; `chat_id` of the chat whose plan gets the contacts, None for a new one."""

    model_config = ConfigDict(extra="forbid")

    has_headings: bool
    columns: Annotated[list[Meaning], Field(min_length=1, max_length=MAX_COLUMNS)]
    chat_id: UUID | None = None


class RowProblemView(BaseModel):
    line: int
    column: str
    message: str


class ImportCheckView(BaseModel):
    """What would come of the rows; the first 100 `problems`, all of them in `errors.csv`."""

    rows: int
    ready: int
    wrong: int
    duplicates: int
    problems: list[RowProblemView]
