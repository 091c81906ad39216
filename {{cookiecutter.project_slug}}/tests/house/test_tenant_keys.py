"""Every unique and foreign key of a tenant's table holds the tenant, so that tenants can be spread over servers."""

from collections.abc import Iterator

import psycopg
import pytest

from app.core.embedded import Urls

WITHOUT_TENANT = {
    "pk_audit_log": "one chain over all tenants: a line that is missing shows in the numbers",
    "uq_api_keys_prefix": "a key is found by its prefix before its tenant is known; prefixes are random",
    "fk_evaluation_results_release_id": "a release belongs to no tenant and has to be on every server",
}
OF_NO_TENANT = {
    "alembic_version": "the revision of the schema",
    "alert_notices": "alerts are about the whole service",
    "approvals": "of releases",
    "break_glass_reviews": "of approvals",
    "budget_holds": "money, by `scope`: a tenant or the whole service",
    "budget_limits": "money, by `scope`: a tenant or the whole service",
    "budget_own_limits": "money, by `scope`, which the service's limits are compared with",
    "budget_shards": "money, by `scope`, handed out under the lock of the whole service's budget",
    "budget_shares": "money, by `scope`, handed out under the lock of the whole service's budget",
    "budget_windows": "money, by `scope`: a tenant or the whole service",
    "environment_moves": "of environments",
    "environments": "which release is live, for all tenants",
    "error_budget_exceptions": "of releases",
    "evaluation_reports": "of releases",
    "evaluation_runs": "of releases",
    "index_switches": "of indexes",
    "indexes": "how documents of all tenants are split and embedded",
    "job_counts": "attempts of jobs of the queue, which belongs to no tenant",
    "operation_runs": "of the whole service",
    "parked_jobs": "jobs of the queue, which belongs to no tenant",
    "rate_limits": "by `subject`: a tenant, key or identity; unlogged, and lost without harm",
    "readiness_plans": "of the whole service",
    "readiness_statements": "of the whole service",
    "release_events": "of releases",
    "release_parts": "of releases",
    "releases": "what is live, for all tenants",
    "schema_support": "which older revisions the schema still serves",
    "logout_tokens": "of the provider",
    "sign_in_attempts": "who signs in is not known yet",
    "sign_outs": "a person may be in several tenants",
    "tenants": "the list of tenants: its id is the tenant",
}
QUEUE = "procrastinate_"
"""The queue's library has tables of its own. A job names its tenant in its arguments."""

TABLES = """
    select c.relname, exists (
        select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
    ) from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
"""
KEYS = """
    with tenants_tables as (
        select attrelid as id, attnum as tenant from pg_attribute a join pg_class c on c.oid = a.attrelid
        where a.attname = 'tenant_id' and c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
    )
    select i.indexrelid::regclass::text, t.tenant = any (i.indkey::int2[])
    from pg_index i join tenants_tables t on t.id = i.indrelid where i.indisunique
    union all
    select f.conname, t.tenant = any (f.conkey)
    from pg_constraint f join tenants_tables t on t.id = f.conrelid where f.contype = 'f'
    union all
    -- A key that holds the tenant in one column and something else in its place in the other table would hold nothing.
    select f.conname, (f.conkey[array_position(f.conkey, t.tenant)], f.confkey[array_position(f.conkey, t.tenant)])
                      = (t.tenant, r.tenant)
    from pg_constraint f join tenants_tables t on t.id = f.conrelid join tenants_tables r on r.id = f.confrelid
    where f.contype = 'f'
    union all
    select f.conname, false from pg_constraint f join tenants_tables r on r.id = f.confrelid
    where f.contype = 'f' and f.conrelid not in (select id from tenants_tables)
"""


@pytest.fixture(scope="module")
def owner(database_urls: Urls) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_urls.owner) as connection:
        yield connection


def keys_without_tenant(owner: psycopg.Connection) -> set[str]:
    return {name for name, holds in owner.execute(KEYS).fetchall() if not holds} - set(WITHOUT_TENANT)


def test_every_unique_and_foreign_key_of_a_tenants_table_holds_the_tenant(owner: psycopg.Connection) -> None:
    rows = owner.execute(KEYS).fetchall()
    assert len(rows) > 40
    assert keys_without_tenant(owner) == set()
    assert set(WITHOUT_TENANT) <= {name for name, holds in rows if not holds}, "remove the exception"


def test_a_table_has_a_tenant_or_is_listed_with_the_reason(owner: psycopg.Connection) -> None:
    tables = dict(owner.execute(TABLES).fetchall())
    shared = {name for name, has_tenant in tables.items() if not has_tenant and not name.startswith(QUEUE)}
    assert shared <= set(OF_NO_TENANT), "give it a tenant_id, or say here why it belongs to no tenant"
    assert set(OF_NO_TENANT) - shared <= {"budget_shards", "budget_shares"}


@pytest.mark.parametrize(
    ("key", "statement"),
    [
        ("uq_new", "alter table answers add constraint uq_new unique (trace_id)"),
        ("sx_new", "create unique index sx_new on documents (source, uri) where deleted_at is null"),
        (
            "fk_new",
            "create unique index on answers (id); create table new (tenant_id uuid, answer_id uuid); alter table "
            "new add constraint fk_new foreign key (answer_id) references answers (id)",
        ),
        (
            "fk_new",
            "create table new (tenant_id uuid, owner_id uuid, answer_id uuid, constraint fk_new "
            "foreign key (owner_id, answer_id) references answers)",
        ),
        (
            "fk_new",
            "create table new (tenant_id uuid, other uuid, constraint fk_new "
            "foreign key (other, tenant_id) references answers (tenant_id, id))",
        ),
        (
            "fk_new",
            "create table new (tenant uuid, answer_id uuid, constraint fk_new "
            "foreign key (tenant, answer_id) references answers)",
        ),
    ],
)
def test_a_key_without_the_tenant_is_found(owner: psycopg.Connection, key: str, statement: str) -> None:
    with owner.transaction(force_rollback=True):
        owner.execute(statement.encode())
        assert key in keys_without_tenant(owner)
