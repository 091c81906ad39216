"""Names of the columns of tables, when versions arrived, what the check of data found, when checks ended, and the
release that a reference of drift is about.
"""

from alembic import op

from app.core.rls import tenant_table

revision = "0029"
down_revision = "0028"
phase = "expand"

ARRIVALS = "ix_document_versions_by_time"
SIGNALS = """
create table data_health_signals (
    tenant_id uuid not null,
    id uuid not null,
    signal text not null,
    subject text not null,
    value double precision not null,
    usual double precision not null,
    unhealthy boolean not null,
    examples uuid[] not null,
    constraint pk_data_health_signals primary key (tenant_id, id)
)
"""


def upgrade() -> None:
    op.execute("alter table document_versions add column columns text[] not null default '{}'")
    op.execute("alter table monitoring_runs add column finished_at timestamptz")
    op.execute("alter table drift_references add column release_id text")
    op.execute(SIGNALS)
    tenant_table(op, "data_health_signals", "select, insert, delete")
    with op.get_context().autocommit_block():
        op.execute(f"drop index concurrently if exists {ARRIVALS}")
        op.execute(f"create index concurrently {ARRIVALS} on document_versions (tenant_id, received_at)")


def downgrade() -> None:
    op.execute(f"drop index {ARRIVALS}")
    op.execute("drop table data_health_signals")
    op.execute("alter table drift_references drop column release_id")
    op.execute("alter table monitoring_runs drop column finished_at")
    op.execute("alter table document_versions drop column columns")
