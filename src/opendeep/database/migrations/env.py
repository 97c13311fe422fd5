"""Alembic's environment. `DatabaseManager.upgrade` hands over its connection (so does `opendeep db upgrade`)."""

from alembic import context

from opendeep.database import models_lifecycle, models_trunks  # noqa: F401  # their tables belong to the schema
from opendeep.database.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
