"""Chunks are found by their text, so that equal ones share a vector."""

from alembic import op

revision = "0032"
down_revision = "0031"
phase = "expand"

TEXTS = "sx_chunks_text"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"drop index concurrently if exists {TEXTS}")
        op.execute(f"create index concurrently {TEXTS} on chunks (tenant_id, index_number, hashtextextended(text, 0))")


def downgrade() -> None:
    op.execute(f"drop index {TEXTS}")
