from app.governance.service.approving import Approvals
from app.governance.service.auditing import AuditLog
from app.governance.service.overview import Overview

__all__ = ["Approvals", "AuditLog", "Overview"]
