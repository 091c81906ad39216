"""Releases, the parts they are made of, and which one is live where. Shared by all tenants."""

from alembic import op

from app.core.rls import frozen, shared_table

revision = "0003"
down_revision = "0002"

TABLES = """
create table releases (
    id text constraint pk_releases primary key,
    number integer not null constraint uq_releases_number unique,
    manifest text not null,
    created_at timestamptz not null,
    constraint ck_releases_id_is_digest check (id = encode(sha256(convert_to(manifest, 'UTF8')), 'hex'))
);
create table release_parts (
    digest text constraint pk_release_parts primary key,
    content bytea not null,
    constraint ck_release_parts_digest_fits check (digest = encode(sha256(content), 'hex'))
);
create table environments (
    name text constraint pk_environments primary key,
    release_id text not null constraint fk_environments_release_id references releases (id),
    changed_at timestamptz not null
);
create table environment_moves (
    sequence bigint generated always as identity constraint pk_environment_moves primary key,
    environment text not null,
    release_id text not null constraint fk_environment_moves_release_id references releases (id),
    previous_id text,
    at timestamptz not null,
    actor text not null,
    reason text not null
);
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'rows of % are never changed or removed', tg_table_name using errcode = 'restrict_violation';
end $$;
"""

FROZEN = ("releases", "release_parts", "environment_moves")


def upgrade() -> None:
    op.execute(TABLES)
    for table in FROZEN:
        frozen(op, table)
        shared_table(op, table, "select, insert")
    shared_table(op, "environments", "select, insert, update")


def downgrade() -> None:
    op.execute("drop table environment_moves, environments, release_parts, releases")
    op.execute("drop function refuse_change()")
