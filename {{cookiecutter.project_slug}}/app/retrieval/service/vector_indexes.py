"""Approximate vector indexes (HNSW) for tenants with many chunks."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from app.retrieval.domain import SearchParams
from app.retrieval.repository import hnsw
from app.retrieval.service.index_registry import IndexRegistry


@dataclass(frozen=True)
class VectorIndexes:
    registry: IndexRegistry
    params: SearchParams

    async def create_missing(
        self, owner_url: str, progress: Callable[[int, int], None], above: int | None = None
    ) -> list[tuple[UUID, int]]:
        """Create the HNSW indexes of the live index, as the owner of the tables, for tenants with more than `above`
        chunks (None: where an exact search is no longer fast). Returns the tenants with their number of chunks.
        """
        live, created = await self.registry.live(), []
        if not live.dense:
            return []
        async with hnsw.owner(owner_url) as connection:
            limit = self.params.exact_vectors if above is None else above
            large = await hnsw.large_tenants(connection, live.number, limit)
            for done, (tenant_id, size) in enumerate(large, 1):
                if await hnsw.create_index(connection, live.number, live.fingerprint.dimensions, tenant_id):
                    created.append((tenant_id, size))
                progress(done, len(large))
        return created
