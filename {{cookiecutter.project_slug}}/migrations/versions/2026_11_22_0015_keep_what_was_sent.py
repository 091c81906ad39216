"""What a second person is shown while the first may have changed it."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("alter table review_items add column original bytea")


def downgrade() -> None:
    op.execute("alter table review_items drop column original")
