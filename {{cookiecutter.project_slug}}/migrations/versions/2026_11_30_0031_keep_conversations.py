"""Conversations: which answers one caller got under one id, in their order."""

from alembic import op

from app.core.rls import tenant_table

revision = "0031"
down_revision = "0030"
phase = "expand"

CONVERSATIONS = """
create table conversations (
    tenant_id uuid not null,
    id uuid not null,
    key_id uuid not null,
    name text not null,
    created_at timestamptz not null,
    last_at timestamptz not null,
    turns integer not null,
    constraint pk_conversations primary key (tenant_id, id),
    constraint uq_conversations_tenant_id_key_id_name unique (tenant_id, key_id, name)
)
"""
TURNS = """
create table conversation_turns (
    tenant_id uuid not null,
    conversation_id uuid not null,
    number integer not null,
    answer_id uuid not null,
    constraint pk_conversation_turns primary key (tenant_id, conversation_id, number),
    constraint fk_conversation_turns_tenant_id_answer_id
        foreign key (tenant_id, answer_id) references answers (tenant_id, id),
    constraint fk_conversation_turns_tenant_id_conversation_id
        foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade,
    constraint uq_conversation_turns_tenant_id_answer_id unique (tenant_id, answer_id)
)
"""


def upgrade() -> None:
    op.execute(CONVERSATIONS)
    op.execute("create index ix_conversations_by_time on conversations (tenant_id, key_id, last_at)")
    op.execute(TURNS)
    for table in ("conversations", "conversation_turns"):
        tenant_table(op, table, "select, insert, update, delete")


def downgrade() -> None:
    op.execute("drop table conversation_turns")
    op.execute("drop table conversations")
