from app.privacy.service.privacy import Privacy

__all__ = ["Privacy"]
