"""An expanding migration leaves the code of the version before at work, on the same database, under load."""

import asyncio
import shutil
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from app.core.embedded import Urls
from app.core.errors import StartRefused
from app.core.migration_rules import violations
from app.core.revisions import NO_EXTENSIONS, extensions, newest, newest_extension, phases, revisions, supported
from app.core.schema import migrate, verify
from app.main import create_app
from app.settings import Settings
from app.wiring import build
from tests.clock import until
from tests.conftest import ROOT, FreshDatabase

FIRST_WITH_PHASE = "0023"
NEXT = """
from alembic import op
revision = "9999"
down_revision = "{newest}"
phase = "{phase}"
def upgrade():
    op.execute("alter table answers add column shade text")
    op.execute("alter table documents add column shade int not null default 3")
    with op.get_context().autocommit_block():
        op.execute("create index concurrently ix_answers_shade on answers (shade)")
def downgrade():
    pass
"""


def root_with_next(folder: Path, phase: str = "expand") -> Path:
    """The migrations of this service and one more, as its next version has them."""
    shutil.copytree(ROOT / "migrations", folder / "migrations")
    new = folder / "migrations" / "versions" / "9999_next.py"
    new.write_text(NEXT.format(newest=newest(ROOT), phase=phase))
    return folder


def statements_of(urls: Urls, revision: str) -> list[str]:
    """What a migration runs, on a database that is at the revision before it."""
    seen: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        migrate(urls.owner, urls.service, ROOT, revision)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return [each for each in seen if "alembic_version" not in each and "schema_support" not in each.split("(")[0][:35]]


def before_the_first(revision: str) -> str:
    return NO_EXTENSIONS if revision in extensions(ROOT) else "base"


def test_every_new_migration_says_whether_it_expands_or_contracts() -> None:
    silent = [each for each in revisions(ROOT) if each >= FIRST_WITH_PHASE and each not in phases(ROOT)]
    assert silent == [], 'set phase = "expand" or "contract" in the migration'


def test_expanding_migrations_take_nothing_from_the_code_before(fresh_database: FreshDatabase) -> None:
    with fresh_database() as urls:
        below = {**revisions(ROOT), **extensions(ROOT)}
        for revision, phase in sorted(phases(ROOT).items()):
            migrate(urls.owner, urls.service, ROOT, below[revision] or before_the_first(revision))
            run = statements_of(urls, revision)
            assert run
            locks: dict[str, str] = {}
            path = next((ROOT / "migrations").glob(f"*/*_{revision}_*.py"))
            exec(compile(path.read_text(), str(path), "exec"), scope := {"__file__": str(path)})  # noqa: S102
            locks |= scope.get("locks", {})
            assert phase == "contract" or list(violations(run, locks)) == [], revision


@pytest.mark.parametrize(
    "statement",
    [
        "drop table answers",
        "ALTER TABLE answers DROP COLUMN question",
        "alter table answers rename column question to text",
        "alter table answers rename to replies",
        "alter table answers alter column model type varchar(10)",
        "alter table only public.answers alter unit set not null",
        "alter table answers add column shade text not null",
        "alter table answers add column a int, add column b int not null",
        "alter table answers add constraint short check (length(question) < 10)",
        "alter table answers add unique (trace_id)",
        "alter table feedback alter column created_at drop default",
        "create unique index concurrently one on answers (trace_id)",
        "create index slow on answers (trace_id)",
        "create table new (id int); drop function privacy_tenants()",
        "revoke insert on answers from app_service",
        "truncate feedback",
    ],
)
def test_a_statement_that_breaks_the_code_before_is_found(statement: str) -> None:
    assert list(violations([statement], {})) != []


@pytest.mark.parametrize(
    "statement",
    [
        "alter table answers add column shade text",
        "alter table answers add column shade text not null default 'drop column'",
        "create table new (id int); alter table new add column x int not null; create index i on new (x)",
        "create index concurrently fast on answers (trace_id)",
        "alter table answers add constraint short check (length(question) < 10) not valid",
        "alter table answers alter column unit drop not null",
        "create function f() returns int language sql as $$ select 1 -- drop table answers $$",
        "revoke all on function f() from public",
        "grant select on answers to app_service",
    ],
)
def test_what_leaves_the_code_before_alone_passes(statement: str) -> None:
    assert list(violations([statement], {})) == []


def test_a_schema_supports_the_code_back_to_the_last_thing_that_was_taken_away(tmp_path: Path) -> None:
    latest = newest(ROOT)
    expanded, contracted = root_with_next(tmp_path / "e"), root_with_next(tmp_path / "c", "contract")
    assert supported("9999", expanded)[:2] == ["9999", latest]
    assert set(supported(latest, ROOT)) <= set(supported("9999", expanded))
    assert supported("9999", contracted) == ["9999", latest]


async def test_two_versions_serve_one_database_while_the_newer_one_migrates_it(
    fresh_database: FreshDatabase, settings: Settings, tmp_path: Path
) -> None:
    """The code of today is the old version: it answers while the next one's migration runs, and it can start after."""
    following = root_with_next(tmp_path)
    with fresh_database() as urls:
        async with build(settings, urls) as old:
            tenant = await old.identity.ensure_tenant("somebody")
            key = (await old.identity.create_key(tenant, "test", ["admin", "service"])).text
            transport = httpx.ASGITransport(app=create_app(old), raise_app_exceptions=False)
            headers = {"authorization": f"Bearer {key}"}
            statuses: list[int] = []
            done = asyncio.Event()
            async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:

                async def ask() -> None:
                    while not done.is_set() or len(statuses) < 20:
                        reply = await client.post("/v1/answers", json={"question": "Who keeps the light?"})
                        file = {"files": (f"{len(statuses)}.md", f"# Light {len(statuses)}".encode())}
                        stored = await client.post("/v1/documents", files=file)
                        statuses.extend((reply.status_code, stored.status_code))

                asking = [asyncio.create_task(ask()) for _ in range(4)]
                await until(lambda: len(statuses) >= 20)
                moved = await asyncio.to_thread(migrate, urls.owner, urls.service, following)
                done.set()
                await asyncio.gather(*asking)
            own = newest_extension(ROOT)
            assert moved == tuple(f"{each} with {own}" if own else each for each in (newest(ROOT), "9999"))
            assert set(statuses) == {200, 202}
        await verify(urls.service, ROOT)  # a process of the old version that starts again
        await verify(urls.service, following)
        with psycopg.connect(urls.owner) as connection:
            connection.execute("delete from schema_support where revision <> '9999'")
        with pytest.raises(StartRefused, match="newer than this code knows"):
            await verify(urls.service, ROOT)
