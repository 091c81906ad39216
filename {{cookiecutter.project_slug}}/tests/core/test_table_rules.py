import psycopg
import pytest

from app.core.table_rules import table_faults
from app.privacy.domain.catalogue import CATALOGUE
from tests.conftest import FreshDatabase

TEMPLATE = {store.table for store in CATALOGUE.stores}
TABLE = "create table own (tenant_id uuid not null, id uuid, note text)"
ISOLATED = """
    alter table own enable row level security; alter table own force row level security;
    create policy tenant_isolation on own using (true)
"""


@pytest.mark.parametrize(
    ("made", "listed", "shared", "fault"),
    [
        (TABLE, {"own": ["note"]}, (), "own can be read by every tenant; call tenant_table in its migration"),
        (TABLE + ";" + ISOLATED, {}, (), "app/extensions/stores.py does not list own"),
        (TABLE + ";" + ISOLATED, {"own": []}, (), "own has note columns that can hold text, see note"),
        (
            TABLE.replace("note text", "note vector(3), name char(9)") + ";" + ISOLATED,
            {"own": []},
            (),
            "own has name, note columns that can hold text, see name",
        ),
        ("create table own (id uuid)", {"own": []}, (), "own has no tenant_id that is not null"),
        ("select 1", {"own": []}, (), "app/extensions/stores.py lists own, and no migration makes it"),
        (TABLE + ";" + ISOLATED, {"own": ["note"]}, (), None),
        ("create view own as select 1 as id", {}, (), "own is a view that shows rows of every tenant; create it with"),
        ("create view own with (security_invoker = true) as select 1 as id", {}, (), None),
        ("create materialized view own as select 1 as id", {}, (), "own is a view that shows rows of every tenant"),
        ("create table own (id uuid)", {"own": []}, ("own",), None),
    ],
)
def test_a_table_of_the_team_has_a_tenant_its_isolation_and_a_line_in_the_list_of_stores(
    fresh_database: FreshDatabase, made: str, listed: dict[str, list[str]], shared: tuple[str, ...], fault: str | None
) -> None:
    with fresh_database() as urls:
        with psycopg.connect(urls.owner) as owner:
            owner.execute(made.encode())
        faults = table_faults(urls.owner, TEMPLATE, listed, shared)
    assert len(faults) == (1 if fault else 0)
    assert not fault or fault in faults[0]
