"""Jobs that failed for good are parked with their reason; the queue is fair between tenants; code of the revisions
before an expanding migration may run on the schema after it.
"""

from alembic import op

from app.core.rls import shared_table

revision = "0023"
down_revision = "0022"
phase = "expand"
locks = {"procrastinate_jobs": "the queue holds few rows: a job that is done is deleted"}


def upgrade() -> None:
    op.execute(
        "create table parked_jobs (job_id bigint not null, reason text not null, parked_at timestamptz not null, "
        "constraint pk_parked_jobs primary key (job_id))"
    )
    shared_table(op, "parked_jobs", "select, insert, update, delete")
    op.execute(
        "create table schema_support (revision text not null, constraint pk_schema_support primary key (revision))"
    )
    shared_table(op, "schema_support", "select")
    op.execute(
        "create index sx_procrastinate_jobs_by_tenant on procrastinate_jobs "
        "(queue_name, (args->>'tenant_id'), priority) where status = 'todo'"
    )


def downgrade() -> None:
    op.execute("drop index sx_procrastinate_jobs_by_tenant")
    op.execute("drop table schema_support")
    op.execute("drop table parked_jobs")
