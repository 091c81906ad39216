"""What the tables that a team adds must have, checked on a migrated database."""

from collections.abc import Collection, Iterator, Mapping
from typing import LiteralString

import psycopg

TABLES: LiteralString = """
    select c.relname, c.relrowsecurity and c.relforcerowsecurity
               and exists (select from pg_policy p where p.polrelid = c.oid),
           exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id'
                   and a.attnotnull and not a.attisdropped),
           array(select column_name::text from information_schema.columns
                 where table_schema = 'public' and table_name = c.relname
                   and (data_type in ('text', 'character varying', 'character', 'jsonb', 'json', 'bytea', 'xml')
                        or udt_name in ('_text', '_varchar', '_bpchar', '_jsonb', 'citext', 'halfvec', 'sparsevec',
                                        'vector', 'tsvector'))
                 order by 1)
    from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace order by 1
"""
VIEWS: LiteralString = """
    select relname, relkind = 'm' from pg_class where relnamespace = 'public'::regnamespace
       and (relkind = 'm' or relkind = 'v' and not coalesce('security_invoker=true' = any(reloptions), false))
    order by 1
"""
STORES = "app/extensions/stores.py"


def table_faults(
    owner_url: str, template: Collection[str], own: Mapping[str, Collection[str]], shared: Collection[str]
) -> list[str]:
    """What is wrong with the tables that are not the template's, a sentence each.

    own: the team's stores, with the columns that each lists. shared: those of them that belong to no tenant.
    """
    with psycopg.connect(owner_url) as connection:
        rows = connection.execute(TABLES).fetchall()
        views = connection.execute(VIEWS).fetchall()
    faults = [
        fault
        for table, isolated, has_tenant, columns in rows
        if table not in template
        for fault in _faults(table, isolated, has_tenant, columns, own, shared)
    ]
    faults += [_fault_of_view(view, stored) for view, stored in views]
    return faults + [
        f"{STORES} lists {name}, and no migration makes it" for name in own if name not in {row[0] for row in rows}
    ]


def _fault_of_view(view: str, stored: bool) -> str:
    cure = "make a table of it" if stored else "create it with (security_invoker = true)"
    return f"{view} is a view that shows rows of every tenant; {cure}"


def _faults(
    table: str,
    isolated: bool,
    has_tenant: bool,
    columns: Collection[str],
    own: Mapping[str, Collection[str]],
    shared: Collection[str],
) -> Iterator[str]:
    if table not in own:
        yield f"{STORES} does not list {table}: say what it holds of people, and how that is erased"
    elif missing := sorted(set(columns) ^ set(own[table])):
        yield f"{STORES}: {table} has {', '.join(columns) or 'no'} columns that can hold text, see {missing[0]}"
    if table not in shared and not has_tenant:
        yield f"{table} has no tenant_id that is not null; give it one, or list it as shared"
    elif table not in shared and not isolated:
        yield f"{table} can be read by every tenant; call tenant_table in its migration"
