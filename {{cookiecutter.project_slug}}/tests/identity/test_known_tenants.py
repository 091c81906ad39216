"""Whose line a request waits in is known from its header, once that was valid."""

from uuid import UUID, uuid4

import httpx

from app.identity.domain import Principal
from app.identity.service.known_tenants import MAX_KNOWN, KnownTenants
from app.wiring import State


async def test_a_header_is_known_from_its_first_valid_request_until_its_key_is_revoked(
    state: State, tenant: UUID, client: httpx.AsyncClient
) -> None:
    key = await state.identity.create_key(tenant, "k", ["user"])
    known, header = state.identity.known_tenants, f"Bearer {key.text}"
    forged = f"Bearer {key.text[:-2]}xx"
    assert known.of(header.encode()) is None
    for sent, status in ((forged, 401), (header, 200)):
        assert (await client.get("/v1/caller", headers={"authorization": sent})).status_code == status
    assert known.of(header.encode()) == tenant
    assert known.of(forged.encode()) is None
    assert known.of(b"") is None
    await state.identity.revoke_key(tenant, key.prefix)
    assert known.of(header.encode()) is None


def test_the_longest_unused_headers_are_forgotten() -> None:
    known, caller = KnownTenants(), Principal(uuid4(), uuid4(), "k", frozenset())
    for number in range(MAX_KNOWN):
        known.note(b"%d" % number, caller)
    known.note(b"0", caller)
    known.note(b"new", caller)
    assert known.of(b"1") is None
    assert known.of(b"0") == known.of(b"new") == caller.tenant_id
    known.forget(caller.key_id)
    assert known.of(b"0") is None
