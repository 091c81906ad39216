from app.governance.service.approving import Approvals

__all__ = ["Approvals"]
