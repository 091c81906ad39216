"""What a restored service proves of itself: audit chain, releases, original files, erasures."""

from dataclasses import dataclass

from app.backup.domain import BackupManifest
from app.core.audit import Broken, Head
from app.core.errors import StartRefused
from app.encryption.domain import MasterKeyNotFound, Undecryptable
from app.governance.service import AuditLog
from app.privacy.service import Privacy
from app.releases.service import Releases

PAGE = 50


@dataclass(frozen=True)
class VerifiedRestore:
    """audit_lost: lines of the exported head that are not in the backup; None without such a head."""

    audit_lines: int
    audit_lost: int | None
    releases: int
    originals: int
    erasures: int


@dataclass(frozen=True)
class Verification:
    audit: AuditLog
    releases: Releases
    privacy: Privacy

    async def verify(self, manifest: BackupManifest, exported: Head | None = None) -> VerifiedRestore:
        """Verify all of it, then erase again what was erased since the backup.

        exported: the newest head of the audit log that is kept elsewhere. Errors: StartRefused, ReleaseUnservable,
        TombstonesUnusable, ErasureUnfinished.
        """
        head = Head(manifest.facts.audit_sequence, manifest.facts.audit_hash)
        reached = exported is not None and exported.sequence <= head.sequence
        chain = await self.audit.inspect(exported if reached else None)
        if isinstance(chain, Broken):
            raise StartRefused(f"The audit log of the backup is not whole: line {chain.sequence} {chain.what}.")
        return VerifiedRestore(
            audit_lines=chain.lines,
            audit_lost=max(0, exported.sequence - head.sequence) if exported else None,
            releases=await self._releases(),
            originals=await self._originals(),
            erasures=len(await self.privacy.tombstones.reapply(await self.privacy.keys.tenants())),
        )

    async def _releases(self) -> int:
        """Loading a release compares its parts with their digests."""
        verified, below = 0, None
        while page := await self.releases.list(PAGE, below):
            for release, _ in page:
                await self.releases.find(release.id)
                verified, below = verified + 1, release.number
        return verified

    async def _originals(self) -> int:
        tenants = await self.privacy.keys.tenants()
        try:
            return sum([await self.privacy.originals.verify(tenant) for tenant in tenants])
        except (MasterKeyNotFound, Undecryptable) as error:
            raise StartRefused(
                f"The data is restored, and its original files cannot be read: {error.detail} Set APP_MASTER_KEY to "
                "the key that the backed-up service had, then run 'app restore --verify' with the same backup."
            ) from error
