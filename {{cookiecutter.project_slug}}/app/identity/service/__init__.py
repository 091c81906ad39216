from app.identity.service.caller import require
from app.identity.service.keys import Identity

__all__ = ["Identity", "require"]
