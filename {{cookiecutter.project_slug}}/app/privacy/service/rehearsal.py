"""Proves on a migrated, empty database that the team's stores can be exported and erased."""

from collections.abc import AsyncIterator, Iterable
from uuid import UUID

from sqlalchemy import NullPool, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from app.core.rls import SERVICE_ROLE
from app.privacy.domain.requests import ErasureScope
from app.privacy.domain.stores import Store
from app.privacy.repository import erasing, matching

NOBODY = UUID(int=0)
VALUES = {**matching.parameters(NOBODY, ErasureScope(names=("nobody",), pattern="nobody")), "pseudonym": "nobody"}


async def rehearse(owner_url: str, stores: Iterable[Store]) -> AsyncIterator[str]:
    """A sentence for each store whose rows the service cannot find or erase as it says. Changes nothing."""
    engine = create_async_engine(make_url(owner_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    for store in stores:
        if store.erasing == "kept":
            continue
        try:
            async with engine.connect() as connection:
                await connection.execute(text(f"set local role {SERVICE_ROLE}"))
                await matching.find_rows(connection, store, VALUES)
                await erasing.erase_rows(connection, store, VALUES)
                await erasing.erase_people(connection, store, VALUES)
        except DBAPIError as error:
            reason = str(error.orig).splitlines()[0]
            yield f"app/extensions/stores.py: {store.table} cannot be exported or erased as it says there ({reason})"
