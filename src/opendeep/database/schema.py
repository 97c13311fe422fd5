"""Renders `schema.sql`, the reviewed snapshot of the schema, as PostgreSQL DDL.

Tests compare three things: this rendering with the committed file, and databases built by the migrations with databases
built from the models, on SQLite and on PostgreSQL.
"""

from pathlib import Path

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from opendeep.database import models_lifecycle, models_memory, models_trunks  # noqa: F401  # their tables belong to the schema
from opendeep.database.models import Base

SNAPSHOT = Path(__file__).parent / "schema.sql"
HEADER = "-- The schema of OpenDeep as PostgreSQL DDL. Rendered from the models by `opendeep db schema`; do not edit.\n"


def render_schema() -> str:
    """The DDL of all tables and indexes in dependency order."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    parts = [HEADER]
    for table in Base.metadata.sorted_tables:
        parts.append(str(CreateTable(table).compile(dialect=dialect)).strip().replace("\t", "    ") + ";\n")
        for index in sorted(table.indexes, key=lambda i: str(i.name)):
            parts.append(str(CreateIndex(index).compile(dialect=dialect)).strip() + ";\n")
    return "\n".join(line.rstrip() for line in "\n".join(parts).splitlines()) + "\n"
