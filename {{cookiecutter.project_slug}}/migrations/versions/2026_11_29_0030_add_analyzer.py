"""How the words of an index are prepared: `plain` for those that exist."""

from alembic import op

revision = "0030"
down_revision = "0029"
phase = "expand"


def upgrade() -> None:
    op.execute("alter table indexes add column analyzer text not null default 'plain'")


def downgrade() -> None:
    op.execute("alter table indexes drop column analyzer")
