from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.adapters.master_keys import EnvironmentKeys
from app.core.database import Database
from app.encryption.domain import MasterKeyNotFound, Sealed, TenantKeyDestroyed, Undecryptable
from app.encryption.service import TenantKeys
from app.wiring import State

FIRST, SECOND = b"first master key, 32 characters.", b"second master key, 32 characters"
PURPOSE = "file"


def keys_of(state: State, *secrets: bytes) -> TenantKeys:
    current, *previous = secrets or (FIRST,)
    return TenantKeys(state.database, EnvironmentKeys(current, previous), state.clock)


async def seal(keys: TenantKeys, tenant: UUID, content: bytes = b"the original") -> Sealed:
    async with keys.database.transaction(tenant) as connection:
        return await keys.seal(connection, tenant, PURPOSE, content)


async def opened(keys: TenantKeys, tenant: UUID, sealed: Sealed, purpose: str = PURPOSE) -> bytes:
    async with keys.database.read(tenant) as connection:
        return await keys.open(connection, tenant, purpose, sealed)


async def test_content_is_encrypted_and_read_by_another_process(state: State, tenant: UUID) -> None:
    sealed = await seal(keys_of(state), tenant)
    assert b"original" not in sealed.content
    assert await opened(keys_of(state), tenant, sealed) == b"the original"


async def test_content_from_before_there_was_encryption_is_read_as_it_is(state: State, tenant: UUID) -> None:
    assert await opened(keys_of(state), tenant, Sealed(None, b"plain")) == b"plain"


async def test_every_tenant_has_a_key_of_its_own(state: State, tenant: UUID) -> None:
    other = await state.identity.ensure_tenant(f"other-{uuid4().hex}")
    keys = keys_of(state)
    sealed = await seal(keys, tenant)
    await seal(keys, other)
    with pytest.raises(Undecryptable):
        await opened(keys, other, sealed)


async def test_content_of_one_purpose_does_not_pass_for_another(state: State, tenant: UUID) -> None:
    keys = keys_of(state)
    with pytest.raises(Undecryptable):
        await opened(keys, tenant, await seal(keys, tenant), "another purpose")


async def test_changed_content_is_noticed(state: State, tenant: UUID) -> None:
    keys = keys_of(state)
    sealed = await seal(keys, tenant)
    with pytest.raises(Undecryptable, match="changed"):
        await opened(keys, tenant, Sealed(sealed.version, sealed.content[:-1] + bytes([sealed.content[-1] ^ 1])))


async def test_a_new_key_encrypts_and_the_old_one_still_reads(state: State, tenant: UUID) -> None:
    keys = keys_of(state)
    old = await seal(keys, tenant)
    assert await keys.rotate(tenant) == 2
    new = await seal(keys, tenant)
    assert (old.version, new.version) == (1, 2)
    assert await opened(keys, tenant, old) == await opened(keys, tenant, new) == b"the original"


async def test_a_destroyed_key_reads_nothing_at_once_in_every_process(state: State, tenant: UUID) -> None:
    keys, elsewhere = keys_of(state), keys_of(state)
    sealed = await seal(keys, tenant)
    assert await opened(elsewhere, tenant, sealed) == b"the original"
    async with state.database.transaction(tenant) as connection:
        assert await keys.destroy(connection, tenant) == 1
    for each in (keys, elsewhere):
        with pytest.raises(TenantKeyDestroyed):
            await opened(each, tenant, sealed)
    assert (await seal(keys, tenant)).version == 2


async def test_the_master_key_is_changed_without_touching_the_content(state: State, tenant: UUID) -> None:
    sealed = await seal(keys_of(state, FIRST), tenant)
    with pytest.raises(MasterKeyNotFound):
        await opened(keys_of(state, SECOND), tenant, sealed)
    both = keys_of(state, SECOND, FIRST)
    assert await both.rewrap(tenant) == 1
    assert await both.rewrap(tenant) == 0
    assert await opened(keys_of(state, SECOND), tenant, sealed) == b"the original"


async def test_the_database_holds_no_key_that_is_not_encrypted(state: State, tenant: UUID) -> None:
    keys = keys_of(state)
    await seal(keys, tenant)
    [opened_key] = keys._opened.values()
    async with state.database.read(tenant) as connection:
        wrapped = bytes((await connection.execute(text("select wrapped from tenant_keys"))).scalar_one())
    assert opened_key not in wrapped
    assert len(opened_key) == 32


async def test_another_tenant_sees_no_key(state: State, database: Database, tenant: UUID) -> None:
    await seal(keys_of(state), tenant)
    async with database.read(uuid4()) as connection:
        assert (await connection.execute(text("select count(*) from tenant_keys"))).scalar_one() == 0


async def test_a_key_that_was_made_is_not_deleted(state: State, tenant: UUID) -> None:
    await seal(keys_of(state), tenant)
    with pytest.raises(DBAPIError, match="permission denied"):
        async with state.database.transaction(tenant) as connection:
            await connection.execute(text("delete from tenant_keys"))


async def test_all_tenants_are_listed(state: State, tenant: UUID) -> None:
    assert tenant in await keys_of(state).tenants()
