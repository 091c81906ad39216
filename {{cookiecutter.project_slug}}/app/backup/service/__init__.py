from app.backup.service.records import record_backup
from app.backup.service.restoring import Restore, RestoreTarget, restore, verify_content
from app.backup.service.verification import Verification, VerifiedRestore
from app.backup.service.writing import create, open_backup

__all__ = [
    "Restore",
    "RestoreTarget",
    "Verification",
    "VerifiedRestore",
    "create",
    "open_backup",
    "record_backup",
    "restore",
    "verify_content",
]
