from app.identity.service.keys import Identity

__all__ = ["Identity"]
