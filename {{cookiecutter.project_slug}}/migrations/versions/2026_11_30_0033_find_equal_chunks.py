"""Vectors are found by the text that was embedded, so that equal chunks share them. Those that exist are not."""

from alembic import op

revision = "0033"
down_revision = "0032"
phase = "expand"

TEXTS = "sx_chunk_vectors_text"


def upgrade() -> None:
    op.execute("alter table chunk_vectors add column text_digest bytea")
    with op.get_context().autocommit_block():
        op.execute(f"drop index concurrently if exists {TEXTS}")
        op.execute(
            f"create index concurrently {TEXTS} on chunk_vectors (tenant_id, index_number, text_digest)"
            " where text_digest is not null"
        )


def downgrade() -> None:
    op.execute(f"drop index {TEXTS}")
    op.execute("alter table chunk_vectors drop column text_digest")
