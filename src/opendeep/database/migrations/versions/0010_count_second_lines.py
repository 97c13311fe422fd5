"""Count second lines: a person whom a callee is put through to may be reached over a trunk"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("second_trunk", sa.String(60), nullable=True))


def downgrade() -> None:
    op.drop_column("calls", "second_trunk")
