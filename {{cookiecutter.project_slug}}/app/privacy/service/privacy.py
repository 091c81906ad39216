from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID

from app.core.clock import Clock
from app.core.database import Database
from app.core.errors import StartRefused
from app.core.retention import RetentionRules
from app.encryption.service import TenantKeys
from app.evaluation.service import SuiteFiles
from app.identity.service import Identity
from app.ingestion.service import Ingestion
from app.privacy.domain.catalogue import CATALOGUE
from app.privacy.domain.requests import PrivacyContentNotFound, Selection, Selector
from app.privacy.repository import vacuuming
from app.privacy.service.erasure import Erasure
from app.privacy.service.export import Export
from app.privacy.service.holds import LegalHolds
from app.privacy.service.originals import Originals
from app.privacy.service.retention import Retention
from app.privacy.service.search import ScopeSearch
from app.privacy.service.steps import Steps
from app.privacy.service.tombstones import TombstoneFile, Tombstones
from app.privacy.service.upkeep import PrivacyUpkeep


@dataclass(frozen=True)
class Privacy:
    """Everything about what is stored of a person or a tenant, and how it goes."""

    keys: TenantKeys
    erasure: Erasure
    export: Export
    holds: LegalHolds
    originals: Originals
    tombstones: Tombstones
    retention: Retention
    upkeep: PrivacyUpkeep

    @classmethod
    def build(
        cls,
        database: Database,
        clock: Clock,
        keys: TenantKeys,
        identity: Identity,
        ingestion: Ingestion,
        suites: SuiteFiles,
        rules: RetentionRules,
        tombstones: Path,
    ) -> Self:
        """tombstones: the file to which erasures are added."""
        search, file = ScopeSearch(database, identity, keys, ingestion), TombstoneFile(tombstones)
        steps, holds = Steps(clock, keys.management, keys, ingestion, suites), LegalHolds(database, clock)
        erasure = Erasure(database, clock, keys.management, search, steps, holds, file)
        retention = Retention(database, clock, search, steps, holds, rules)
        return cls(
            keys=keys,
            erasure=erasure,
            export=Export(erasure, keys),
            holds=holds,
            originals=Originals(database, clock, keys),
            tombstones=Tombstones(database, file, erasure),
            retention=retention,
            upkeep=PrivacyUpkeep(keys, erasure, retention),
        )

    async def selection(self, tenant_id: UUID, selector: Selector, value: str) -> Selection:
        """What a caller of this tenant names. The whole tenant is named by its name, so that nobody erases it by
        mistake. Errors: PrivacyContentNotFound."""
        if selector == "tenant" and value != await self.erasure.search.identity.tenant_name(tenant_id):
            raise PrivacyContentNotFound("That is not the name of your tenant.")
        return Selection(selector, value)

    async def refuse_restored(self) -> None:
        """Errors: StartRefused, when the database was restored from before an erasure that is not applied to it."""
        if missing := await self.tombstones.missing(await self.keys.tenants()):
            raise StartRefused(
                f"This database is older than {len(missing)} of the erasures in {self.tombstones.file.path}: it was "
                "restored from a backup; run 'app privacy reapply'."
            )

    async def vacuum(self, owner_url: str, full: bool) -> None:
        """Free the pages of erased rows, as the owner of the tables.

        full: write the tables anew, so that nothing of an erased row stays in their files; each is locked meanwhile.
        """
        changed = [store for store in CATALOGUE.stores if store.erasing != "kept"]
        await vacuuming.vacuum(owner_url, changed, full)
