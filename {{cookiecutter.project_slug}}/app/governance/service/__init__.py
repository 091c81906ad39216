from app.governance.service.approving import Approvals
from app.governance.service.auditing import AuditLog

__all__ = ["Approvals", "AuditLog"]
