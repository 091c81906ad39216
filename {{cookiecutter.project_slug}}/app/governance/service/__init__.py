from app.governance.service.approvals import Approvals
from app.governance.service.audit_log import AuditLog
from app.governance.service.overview import Overview
from app.governance.service.readiness import Readiness

__all__ = ["Approvals", "AuditLog", "Overview", "Readiness"]
