"""On an external server the owner of the tables is no superuser, so that row-level security applies to it too."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import make_url, text

from app.core.embedded import EmbeddedPostgres, Urls
from app.core.errors import StartRefused
from app.core.schema import migrate, prepare, verify
from app.settings import Settings
from app.wiring import build


@pytest.fixture
def external(database_urls: Urls, settings: Settings) -> Iterator[Urls]:
    """A database with an ordinary role as its owner and a separate role for the service."""
    name = f"external_{uuid4().hex[:12]}"
    owner, service = f"{name}_owner", f"{name}_service"
    admin = make_url(database_urls.owner)
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        for role in (owner, service):
            connection.execute(f"create role {role} login".encode())
        connection.execute(f"grant app_service to {service}".encode())
        connection.execute(f"create database {name} owner {owner}".encode())
    with psycopg.connect(admin.set(database=name).render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute("create extension vector")
    urls = [admin.set(database=name, username=user).render_as_string(hide_password=False) for user in (service, owner)]
    migrate(urls[1], urls[0], settings.root)
    yield Urls(service=urls[0], owner=urls[1])
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)".encode())
        for role in (owner, service):
            connection.execute(f"drop role {role}".encode())


async def test_an_ordinary_owner_migrates_and_keys_are_found(external: Urls, settings: Settings) -> None:
    await verify(external.service, settings.root)
    async with build(settings, external) as state:
        tenant = await state.identity.ensure_tenant("somebody")
        key = await state.identity.create_key(tenant, "test", ["user"])
        assert (await state.identity.authenticate(key.text)).tenant_id == tenant
        assert await state.identity.tenant("somebody") == tenant


async def test_an_index_build_on_an_external_server_sees_every_tenant(external: Urls, settings: Settings) -> None:
    async with build(settings, external) as state:
        tenants = {await state.identity.ensure_tenant(f"tenant-{number}") for number in range(3)}
        for tenant in tenants:
            async with state.database.transaction(tenant) as connection:
                await connection.execute(
                    text("insert into corpora (tenant_id, version) values (:tenant, 1)"), {"tenant": tenant}
                )
        async with state.database.read(None) as connection:
            found = await connection.execute(text("select retrieval_tenants()"))
            assert {row[0] for row in found} == tenants


async def test_a_database_in_another_encoding_is_refused_with_how_to_make_one(
    embedded: EmbeddedPostgres, database_urls: Urls, settings: Settings
) -> None:
    name = f"ascii_{uuid4().hex[:12]}"
    made = f"create database {name} encoding 'SQL_ASCII' locale 'C' template template0"
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        connection.execute(made.encode())
    try:
        urls = embedded.urls(name)
        made_right = r"not encoded in UTF8.*create database NAME encoding 'UTF8'"
        with pytest.raises(StartRefused, match=made_right):
            migrate(urls.owner, urls.service, settings.root)
        with pytest.raises(StartRefused, match=made_right):
            prepare(urls.owner, urls.service)
        with pytest.raises(StartRefused, match="not encoded in UTF8"):
            await verify(urls.service, settings.root)
    finally:
        embedded.drop(name)
