"""The ledger: every token spent, in whole micro-dollars, with the prices it was worked out from."""

from alembic import op

from app.core.rls import frozen, tenant_table

revision = "0004"
down_revision = "0003"

LEDGER = """
create table ledger (
    id uuid constraint pk_ledger primary key,
    tenant_id uuid not null,
    at timestamptz not null,
    kind text not null,
    feature text not null,
    subject_id uuid,
    key_id uuid,
    release_id text,
    provider text not null,
    model text not null,
    input_tokens bigint not null,
    cached_tokens bigint not null,
    output_tokens bigint not null,
    reasoning_tokens bigint not null,
    input_price numeric not null,
    cached_price numeric not null,
    output_price numeric not null,
    call_price numeric not null,
    price_table text not null,
    micro_usd bigint not null,
    constraint ck_ledger_kind check (kind in ('charge')),
    constraint ck_ledger_tokens check (
        input_tokens >= cached_tokens and cached_tokens >= 0
        and output_tokens >= reasoning_tokens and reasoning_tokens >= 0
    ),
    constraint ck_ledger_adds_up check (
        micro_usd = ceil((input_tokens - cached_tokens) * input_price + cached_tokens * cached_price
                         + output_tokens * output_price + call_price * 1000000)
    )
);
create index ix_ledger_by_time on ledger (tenant_id, at);
create index ix_ledger_by_subject on ledger (tenant_id, subject_id);
"""


def upgrade() -> None:
    op.execute(LEDGER)
    frozen(op, "ledger")
    tenant_table(op, "ledger", "select, insert")


def downgrade() -> None:
    op.execute("drop table ledger")
